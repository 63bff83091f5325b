//! Where a project's clients are kept.

use std::borrow::Cow;

use super::client::{Client, Family};
use super::seed::{Clients, StytchTarget};
use crate::stock::{Seeded as _, Stock};

/// The clients of both families, by id and in the order of their creation.
pub(super) struct Book {
    apps: Stock<Clients>,
    m2m: Stock<Clients>,
}

impl Book {
    /// The clients that a project with `targets` of them has at first.
    pub(super) fn new(seed: u64, targets: usize) -> Self {
        let stock = |family| Stock::new(Clients::of(family, seed, targets));
        Self { apps: stock(Family::ConnectedApp), m2m: stock(Family::M2m) }
    }

    /// What a caller has to know of the clients there are at first.
    pub(super) fn seeded_targets(&self) -> impl Iterator<Item = StytchTarget> {
        let (m2m, apps) = (self.m2m.seeded(), self.apps.seeded());
        let pairs = (0..m2m.count())
            .map(|number| (Some(m2m.target(number)), (number < apps.count()).then(|| apps.target(number))));
        pairs.flat_map(|(m2m, app)| m2m.into_iter().chain(app))
    }

    /// Adds a client and gives it its place; an id that is taken in its family must not come here.
    pub(super) fn add(&mut self, mut client: Client) {
        let shelf = self.shelf_mut(client.family());
        client.order = shelf.next_number();
        shelf.add(client.id.clone(), client);
    }

    pub(super) fn remove(&mut self, family: Family, id: &str) {
        self.shelf_mut(family).remove(id);
    }

    pub(super) fn get(&self, family: Family, id: &str) -> Option<Cow<'_, Client>> {
        self.shelf(family).get(id)
    }

    pub(super) fn get_mut(&mut self, family: Family, id: &str) -> Option<&mut Client> {
        self.shelf_mut(family).get_mut(id)
    }

    /// The clients created as the `from`th of their family or later, oldest first.
    pub(super) fn since(&self, family: Family, from: usize) -> impl Iterator<Item = Cow<'_, Client>> {
        self.shelf(family).since(from)
    }

    pub(super) fn len(&self) -> usize {
        self.apps.len() + self.m2m.len()
    }

    /// How many clients a family has.
    pub(super) fn len_of(&self, family: Family) -> usize {
        self.shelf(family).len()
    }

    const fn shelf(&self, family: Family) -> &Stock<Clients> {
        match family {
            Family::ConnectedApp => &self.apps,
            Family::M2m => &self.m2m,
        }
    }

    const fn shelf_mut(&mut self, family: Family) -> &mut Stock<Clients> {
        match family {
            Family::ConnectedApp => &mut self.apps,
            Family::M2m => &mut self.m2m,
        }
    }
}
