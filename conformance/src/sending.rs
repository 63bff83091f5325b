//! Checks that go past the adapter: what is sent is written down, and what an answer shows is remembered.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use cutover_core::{ClientSecret, Clock, SystemClock, Target};

use crate::wire::Repetition;
use crate::{Ask, Caller, Case, Exchange, Stop};

/// How the names of all clients begin that the suite makes, so that whoever finds one knows where it comes from.
pub(crate) const PREFIX: &str = "cutover-conformance-";

/// How many repetitions may meet the first request still running.
const PATIENCE: usize = 5;

impl Case<'_> {
    /// Sends one request past the adapter; not applicable where the vendor has no such request.
    pub async fn send(&self, ask: Ask<'_>, caller: Caller) -> Result<Exchange, Stop> {
        let wire = self.wire()?;
        let exchange = match wire.send(ask, caller).await {
            Ok(Some(exchange)) => exchange,
            Ok(None) => return Err(Stop::NotApplicable(lacks(ask))),
            Err(lost) => return Err(Stop::NotSetUp(format!("{}: {lost}", ask.what()))),
        };
        // Elsewhere a vendor may show something in the place of the secret.
        if let (Ask::Create { .. } | Ask::Issue { .. }, Some(secret)) = (ask, wire.secret(&exchange)) {
            self.note(&secret);
        }
        let target = ask.target().map(|target| format!(" {}", target.id())).unwrap_or_default();
        let code = wire.code(&exchange).filter(|_| !exchange.is_success()).map(|code| format!(" {code}"));
        let code = code.unwrap_or_default();
        self.step(format_args!("{caller}: {}{target}: {}{code}", ask.what(), exchange.status));
        Ok(exchange)
    }

    /// Sends the owner's request, which has to succeed.
    pub async fn done(&self, ask: Ask<'_>) -> Result<Exchange, Stop> {
        let exchange = self.send(ask, Caller::Owner).await?;
        if exchange.is_success() {
            return Ok(exchange);
        }
        Err(Stop::Broken(format!("{} was refused with {}", ask.what(), self.said(&exchange)?)))
    }

    /// Sends a request that has to be refused: with a status of the fours and the vendor's code, without which only a
    /// 401 says enough.
    pub async fn refused(&self, ask: Ask<'_>, caller: Caller) -> Result<Exchange, Stop> {
        let exchange = self.send(ask, caller).await?;
        if !(400..500).contains(&exchange.status) {
            return Err(Stop::Broken(format!("{caller}: {} was answered with {}", ask.what(), exchange.status)));
        }
        if exchange.status != 401 && self.wire()?.code(&exchange).is_none() {
            return Err(Stop::Broken(format!("{} was refused without the vendor's code", ask.what())));
        }
        Ok(exchange)
    }

    /// The owner's request for a secret past the adapter, and the secret.
    pub async fn issue_past(&self, target: &Target, keys: &[&[u8]]) -> Result<(Exchange, ClientSecret), Stop> {
        let exchange = self.done(Ask::Issue { target, keys }).await?;
        let secret = self.secret_in(&exchange)?;
        Ok((exchange, secret))
    }

    /// The same request for a secret again, as often as the first is still running.
    pub async fn issue_again(&self, target: &Target, key: &[u8]) -> Result<Exchange, Stop> {
        self.again(Ask::Issue { target, keys: &[key] }).await
    }

    /// The owner's request again, as often as the first is still running.
    pub async fn again(&self, ask: Ask<'_>) -> Result<Exchange, Stop> {
        for _ in 0..PATIENCE {
            let exchange = self.send(ask, Caller::Owner).await?;
            if self.wire()?.repetition(&exchange) != Repetition::Running {
                return Ok(exchange);
            }
        }
        Err(Stop::Broken(format!("the first request is said to run still after {PATIENCE} repetitions")))
    }

    /// The secret that an answer has to show.
    pub fn secret_in(&self, exchange: &Exchange) -> Result<ClientSecret, Stop> {
        let secret = self.wire()?.secret(exchange);
        secret.ok_or_else(|| Stop::Broken("an answer that has to show a secret shows none".to_owned()))
    }

    /// Whether an answer holds a secret that this check has had in its hands, or a part of one, anywhere.
    pub fn shown_in(&self, exchange: &Exchange) -> bool {
        let in_headers = exchange.headers.values().any(|value| self.shows_secret(value.as_bytes()));
        in_headers || self.shows_secret(&exchange.body)
    }

    /// Sees to it that the answer shows no secret.
    pub fn shows_none(&self, what: &str, exchange: &Exchange) -> Result<(), Stop> {
        if self.shown_in(exchange) {
            return Err(Stop::Broken(format!("{what} shows a secret")));
        }
        Ok(())
    }

    /// A new client, made for this check past the adapter, with its first secret: that of its creation, or where the
    /// vendor makes none then, the first that was asked for.
    pub async fn make(&self) -> Result<(Target, ClientSecret), Stop> {
        let name = self.name();
        let made = self.done(Ask::Create { name: &name, key: None }).await?;
        let target = self.target_in(&made, &name)?;
        if let Some(secret) = self.wire()?.secret(&made) {
            return Ok((target, secret));
        }
        let (issued, secret) = self.issue_past(&target, &[]).await?;
        Ok((self.wire()?.issued(&issued, target), secret))
    }

    /// The client that an answer to a creation has to name.
    pub fn target_in(&self, exchange: &Exchange, name: &str) -> Result<Target, Stop> {
        let target = self.wire()?.created(exchange, name);
        target.ok_or_else(|| Stop::Broken("the answer to a creation does not name the client".to_owned()))
    }

    /// A name that no other client has.
    pub fn name(&self) -> String {
        new_name(self.subject().clock().as_ref())
    }

    /// A key that no other request has.
    pub fn key(&self) -> String {
        format!("key-of-{}", self.name())
    }

    /// Every page of the list of clients.
    pub async fn list(&self) -> Result<Vec<Exchange>, Stop> {
        let mut pages = vec![self.done(Ask::List { page: None }).await?];
        while let Some(next) =
            pages.last().map(|page| self.wire().map(|wire| wire.next_page(page))).transpose()?.flatten()
        {
            pages.push(self.done(Ask::List { page: Some(&next) }).await?);
        }
        Ok(pages)
    }

    /// Ends the check where the vendor is known to differ in a way that leaves nothing to check.
    pub fn unless(&self, behaviour: &str, value: &str, why: &str) -> Result<(), Stop> {
        if self.subject().behaviour(behaviour) == Some(value) {
            return Err(Stop::NotApplicable(why.to_owned()));
        }
        Ok(())
    }

    /// What a vendor answered, in a few words without a secret.
    pub fn said(&self, exchange: &Exchange) -> Result<String, Stop> {
        let code = self.wire()?.code(exchange).map(|code| format!(" {code}")).unwrap_or_default();
        Ok(format!("{}{code}", exchange.status))
    }
}

/// What to say of a vendor that has no such request.
fn lacks(ask: Ask<'_>) -> String {
    match ask {
        Ask::CreatePublic { .. } => "the vendor has no clients of this kind without a secret".to_owned(),
        ask => format!("the vendor has no way to {} a client", ask.what()),
    }
}

/// A name for a client that is made now and belongs to nobody.
pub(crate) fn new_name(clock: &dyn Clock) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let nth = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{PREFIX}{}-{}-{nth}", clock.now().as_second(), run())
}

/// Whether a client of this name was made by this process.
pub(crate) fn is_ours(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|rest| rest.split('-').nth(1) == Some(run()))
}

/// What tells this process from every other that may use the same vendor.
fn run() -> &'static str {
    static RUN: OnceLock<String> = OnceLock::new();
    RUN.get_or_init(|| format!("{:x}x{:x}", std::process::id(), SystemClock.now().subsec_nanosecond()))
}
