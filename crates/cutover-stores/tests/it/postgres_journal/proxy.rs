//! A line to the server that breaks where a test wants it to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What is lost with the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// The request: the server never hears of it.
    Request,
    /// The answer: the server has done it.
    Answer,
}

/// A proxy in front of a server.
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    /// Whether anybody is let through.
    open: AtomicBool,
    /// How many requests, or answers, are let through before the line breaks; `u64::MAX` for all.
    left: [AtomicU64; 2],
    /// Breaks every line there is.
    generation: watch::Sender<u64>,
    broken: AtomicU64,
}

impl Proxy {
    pub(super) async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            open: AtomicBool::new(true),
            left: [AtomicU64::new(u64::MAX), AtomicU64::new(u64::MAX)],
            generation: watch::channel(0).0,
            broken: AtomicU64::new(0),
        });
        let lines = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if lines.open.load(SeqCst) {
                    tokio::spawn(line(client, server.clone(), Arc::clone(&lines)));
                }
            }
        });
        Self { address, shared }
    }

    /// Breaks one line at the `nth` request or answer from now on.
    pub(super) fn break_at(&self, lost: Lost, nth: u64) {
        self.shared.left[lost as usize].store(nth, SeqCst);
    }

    /// How many lines were broken by that.
    pub(super) fn broken(&self) -> u64 {
        self.shared.broken.load(SeqCst)
    }

    /// Breaks every line there is and lets nobody through.
    pub(super) fn cut(&self) {
        self.shared.open.store(false, SeqCst);
        self.shared.generation.send_modify(|generation| *generation += 1);
    }

    /// Breaks every line there is; whoever comes again is let through.
    pub(super) fn shake(&self) {
        self.shared.generation.send_modify(|generation| *generation += 1);
    }

    pub(super) fn mend(&self) {
        self.shared.open.store(true, SeqCst);
    }
}

/// One line, until either end leaves or it breaks.
async fn line(client: TcpStream, server: String, shared: Arc<Shared>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let mut cut = shared.generation.subscribe();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // Requests end with Sync, answers with ReadyForQuery. The first message of a client has no kind.
    let there = pass(from_client, to_server, (b'S', true), Lost::Request, &shared);
    let back = pass(from_server, to_client, (b'Z', false), Lost::Answer, &shared);
    tokio::select! {
        _ = cut.changed() => {}
        () = there => {}
        () = back => {}
    }
}

/// Hands on what is whole, message by message, until it is to break.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    (end, mut starts): (u8, bool),
    lost: Lost,
    shared: &Shared,
) {
    let (mut bytes, mut whole) = (Vec::new(), 0);
    loop {
        while let Some(length) = message(&bytes[whole..], starts) {
            let kind = if starts { 0 } else { bytes[whole] };
            whole += length;
            starts = false;
            if kind == end {
                let left = &shared.left[lost as usize];
                let before = left.fetch_update(SeqCst, SeqCst, |left| match left {
                    u64::MAX => None,
                    1 => Some(u64::MAX),
                    left => Some(left - 1),
                });
                if before == Ok(1) {
                    shared.broken.fetch_add(1, SeqCst);
                    return;
                }
                if to.write_all(&bytes[..whole]).await.is_err() {
                    return;
                }
                bytes.drain(..whole);
                whole = 0;
            }
        }
        // What asks nothing, such as the first message of a client, does not wait for more.
        if whole > 0 && lost == Lost::Request && bytes.len() == whole {
            if to.write_all(&bytes).await.is_err() {
                return;
            }
            bytes.clear();
            whole = 0;
        }
        if whole > 0 && lost == Lost::Answer && bytes.len() == whole {
            if to.write_all(&bytes).await.is_err() {
                return;
            }
            bytes.clear();
            whole = 0;
        }
        match from.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// The length of the first message, if it is whole.
fn message(bytes: &[u8], starts: bool) -> Option<usize> {
    let kind = usize::from(!starts);
    let length = bytes.get(kind..kind + 4)?;
    let length = kind + u32::from_be_bytes(length.try_into().ok()?) as usize;
    (length <= bytes.len()).then_some(length)
}
