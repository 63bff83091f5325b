//! A line to a server that breaks at a chosen message.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;

/// Stands between clients and a server. Its threads end with their connections.
pub(super) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// How many more pieces from the server arrive; negative when all do.
    left: AtomicI64,
    cut: AtomicBool,
}

impl Proxy {
    pub(super) fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::new(Shared { left: AtomicI64::new(-1), cut: AtomicBool::new(false) });
        let own = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(server) else { continue };
                own.join(client, server);
            }
        });
        Self { address, shared }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks the connection instead of handing on the server's `nth` piece from now on, once.
    pub(super) fn cut_at(&self, nth: i64) {
        self.shared.cut.store(false, Ordering::SeqCst);
        self.shared.left.store(nth, Ordering::SeqCst);
    }

    /// Whether it came to that.
    pub(super) fn has_cut(&self) -> bool {
        self.shared.cut.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn join(self: &Arc<Self>, client: TcpStream, server: TcpStream) {
        let (from, to) = (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
        thread::spawn(move || hand_on(from, to, || true));
        let own = Arc::clone(self);
        thread::spawn(move || hand_on(server, client, || own.next()));
    }

    /// Whether one more piece arrives.
    fn next(&self) -> bool {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| (0 < left).then_some(left - 1));
        let cut = left == Ok(1);
        if cut {
            self.left.store(-1, Ordering::SeqCst);
            self.cut.store(true, Ordering::SeqCst);
        }
        !cut
    }
}

fn hand_on(mut from: TcpStream, mut to: TcpStream, arrives: impl Fn() -> bool) {
    let mut piece = [0; 65_536];
    while let Ok(length) = from.read(&mut piece) {
        if length == 0 || !arrives() || to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
