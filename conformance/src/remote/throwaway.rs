//! Clients that are made for a check and removed afterwards.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use cutover_core::{ClientSecret, Clock, Target};

use crate::sending::{PREFIX, is_ours, new_name};
use crate::wire::Repetition;
use crate::{Ask, Caller, Exchange, Lost, Stop, Wire};

/// How old a client of another run has to be, in seconds, before it counts as left behind.
const LEFT_BEHIND: i64 = 60 * 60;

/// No list of clients has more pages; a vendor whose pages go round in a circle ends here.
const PAGES_MAX: usize = 1000;

/// The way past an adapter, which remembers what is made on it.
#[derive(Debug)]
pub(super) struct Throwaways {
    wire: Arc<dyn Wire>,
    clock: Arc<dyn Clock>,
    /// By their ids, with who made them.
    made: Mutex<BTreeMap<String, (Target, Caller)>>,
    swept: tokio::sync::OnceCell<()>,
}

impl Throwaways {
    pub(super) fn new(wire: Arc<dyn Wire>, clock: Arc<dyn Clock>) -> Self {
        Self { wire, clock, made: Mutex::default(), swept: tokio::sync::OnceCell::new() }
    }

    /// A client with a secret that works.
    pub(super) async fn make(&self) -> Result<(Target, ClientSecret), Stop> {
        let name = new_name(self.clock.as_ref());
        let no = |what: String| Stop::NotSetUp(format!("no client can be made: {what}"));
        let ask = |ask| async move {
            let exchange = self.send(ask, Caller::Owner).await.map_err(|lost| no(lost.to_string()))?;
            let exchange = exchange.ok_or_else(|| no("the vendor has no request for it".to_owned()))?;
            if exchange.is_success() {
                return Ok(exchange);
            }
            let code = self.wire.code(&exchange).unwrap_or_default();
            Err(no(format!("{} was refused with {} {code}", ask.what(), exchange.status)))
        };
        let made = ask(Ask::Create { name: &name, key: None }).await?;
        let target = self.wire.created(&made, &name).ok_or_else(|| no("the answer does not name it".to_owned()))?;
        if let Some(secret) = self.wire.secret(&made) {
            return Ok((target, secret));
        }
        let issued = ask(Ask::Issue { target: &target, keys: &[] }).await?;
        let secret = self.wire.secret(&issued).ok_or_else(|| no("it got no secret".to_owned()))?;
        Ok((self.wire.issued(&issued, target), secret))
    }

    /// Removes, once, what a run left behind that was killed.
    pub(super) async fn remove_leftovers(&self) {
        let now = self.clock.now().as_second();
        let sweep = || async move {
            self.remove(|name| {
                let born = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()?.parse::<i64>().ok());
                !is_ours(name) && born.is_some_and(|born| now - born > LEFT_BEHIND)
            })
            .await;
        };
        self.swept.get_or_init(sweep).await;
    }

    /// Removes what was made in this run: what is known, and then whatever else has a name of this run, since an answer
    /// may have been lost.
    pub(super) async fn remove_all(&self) {
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        if made.is_empty() {
            return;
        }
        for (target, maker) in made.values() {
            // What is gone already is refused; what stays is told apart by its name.
            let _ = self.wire.send(Ask::Delete(target), *maker).await;
        }
        self.remove(is_ours).await;
    }

    async fn remove(&self, is_one: impl Fn(&str) -> bool + Send + Sync) {
        for caller in [Caller::Owner, Caller::Stranger] {
            if self.wire.has(caller) {
                self.remove_as(caller, &is_one).await;
            }
        }
    }

    async fn remove_as(&self, caller: Caller, is_one: &(impl Fn(&str) -> bool + Send + Sync)) {
        let mut found = Vec::new();
        let mut page: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let Ok(Some(list)) = self.wire.send(Ask::List { page: page.as_deref() }, caller).await else {
                break;
            };
            found.extend(self.wire.listed(&list).into_iter().filter(|(_, name)| is_one(name)));
            page = self.wire.next_page(&list);
            if page.is_none() {
                break;
            }
        }
        for (target, _) in found {
            let _ = self.wire.send(Ask::Delete(&target), caller).await;
        }
    }

    fn key(target: &Target) -> String {
        let scope = |name| target.scope(name).unwrap_or_default();
        format!("{} {} {}", target.client_id().as_str(), scope("app_id"), scope("user_id"))
    }
}

#[async_trait]
impl Wire for Throwaways {
    async fn send(&self, ask: Ask<'_>, caller: Caller) -> Result<Option<Exchange>, Lost> {
        let exchange = self.wire.send(ask, caller).await?;
        if let Some(answer) = exchange.as_ref().filter(|answer| answer.is_success()) {
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            match ask {
                Ask::Create { name, .. } | Ask::CreatePublic { name } => {
                    if let Some(target) = self.wire.created(answer, name) {
                        made.insert(Self::key(&target), (target, caller));
                    }
                }
                Ask::Delete(target) => {
                    made.remove(&Self::key(target));
                }
                _ => {}
            }
        }
        Ok(exchange)
    }

    fn has(&self, caller: Caller) -> bool {
        self.wire.has(caller)
    }

    fn secret(&self, exchange: &Exchange) -> Option<ClientSecret> {
        self.wire.secret(exchange)
    }

    fn created(&self, exchange: &Exchange, name: &str) -> Option<Target> {
        self.wire.created(exchange, name)
    }

    fn issued(&self, exchange: &Exchange, target: Target) -> Target {
        self.wire.issued(exchange, target)
    }

    fn listed(&self, exchange: &Exchange) -> Vec<(Target, String)> {
        self.wire.listed(exchange)
    }

    fn next_page(&self, exchange: &Exchange) -> Option<String> {
        self.wire.next_page(exchange)
    }

    fn code(&self, exchange: &Exchange) -> Option<String> {
        self.wire.code(exchange)
    }

    fn repetition(&self, exchange: &Exchange) -> Repetition {
        self.wire.repetition(exchange)
    }
}
