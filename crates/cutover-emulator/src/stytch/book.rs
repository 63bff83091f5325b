//! Where a project's clients are kept.

use std::collections::{BTreeMap, HashMap};

use super::client::Client;
use super::route::Family;

/// The clients of both families, by id and in the order of their creation.
#[derive(Default)]
pub(super) struct Book {
    apps: Shelf,
    m2m: Shelf,
    created: u64,
}

#[derive(Default)]
struct Shelf {
    by_order: BTreeMap<u64, Client>,
    orders: HashMap<String, u64>,
}

impl Book {
    /// Adds a client and gives it its place; an id that is taken in its family must not come here.
    pub(super) fn add(&mut self, mut client: Client) {
        client.order = self.created;
        self.created += 1;
        let shelf = self.shelf_mut(client.family());
        shelf.orders.insert(client.id.clone(), client.order);
        shelf.by_order.insert(client.order, client);
    }

    pub(super) fn remove(&mut self, family: Family, id: &str) {
        let shelf = self.shelf_mut(family);
        if let Some(order) = shelf.orders.remove(id) {
            shelf.by_order.remove(&order);
        }
    }

    pub(super) fn get(&self, family: Family, id: &str) -> Option<&Client> {
        let shelf = self.shelf(family);
        shelf.by_order.get(shelf.orders.get(id)?)
    }

    pub(super) fn get_mut(&mut self, family: Family, id: &str) -> Option<&mut Client> {
        let shelf = self.shelf_mut(family);
        shelf.by_order.get_mut(shelf.orders.get(id)?)
    }

    /// The clients created as the `from`th or later, oldest first.
    pub(super) fn since(&self, family: Family, from: u64) -> impl Iterator<Item = &Client> {
        self.shelf(family).by_order.range(from..).map(|(_, client)| client)
    }

    pub(super) fn len(&self) -> usize {
        self.apps.orders.len() + self.m2m.orders.len()
    }

    const fn shelf(&self, family: Family) -> &Shelf {
        match family {
            Family::ConnectedApp => &self.apps,
            Family::M2m => &self.m2m,
        }
    }

    const fn shelf_mut(&mut self, family: Family) -> &mut Shelf {
        match family {
            Family::ConnectedApp => &mut self.apps,
            Family::M2m => &mut self.m2m,
        }
    }
}
