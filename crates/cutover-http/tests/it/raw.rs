//! A server that does on the wire exactly what a test says, and remembers every byte that arrived.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

type Heard = Arc<Mutex<Vec<Vec<u8>>>>;

pub(crate) struct RawServer {
    address: SocketAddr,
    heard: Heard,
    task: JoinHandle<()>,
}

impl RawServer {
    /// Runs `script` for every connection, with the number of the connection from 0.
    pub(crate) async fn start<F, Fut>(script: F) -> Self
    where
        F: Fn(usize, Connection) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let heard = Heard::default();
        let kept = heard.clone();
        let task = tokio::spawn(async move {
            for index in 0.. {
                let (stream, _) = listener.accept().await.expect("a connection");
                kept.lock().expect("no panic while held").push(Vec::new());
                tokio::spawn(script(index, Connection { stream, index, heard: kept.clone() }));
            }
        });
        Self { address, heard, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// What arrived, by connection.
    pub(crate) fn heard(&self) -> Vec<String> {
        let heard = self.heard.lock().expect("no panic while held");
        heard.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }

    /// How often `text` arrived over all connections.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.heard().iter().map(|heard| heard.matches(text).count()).sum()
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One connection. Dropping it closes it.
pub(crate) struct Connection {
    stream: TcpStream,
    index: usize,
    heard: Heard,
}

impl Connection {
    /// Reads until a whole request is there; `None` when the client closed before.
    pub(crate) async fn request(&mut self) -> Option<()> {
        let mut request = Vec::new();
        while !is_whole(&request) {
            request.extend(self.some(4096).await?);
        }
        Some(())
    }

    /// Reads what is there, at most `bytes`; `None` when the client closed or reset.
    pub(crate) async fn some(&mut self, bytes: usize) -> Option<Vec<u8>> {
        let mut buffer = vec![0; bytes];
        let count = self.stream.read(&mut buffer).await.unwrap_or(0);
        buffer.truncate(count);
        self.heard.lock().expect("no panic while held")[self.index].extend_from_slice(&buffer);
        (count > 0).then_some(buffer)
    }

    /// Reads until the client closes.
    pub(crate) async fn rest(&mut self) {
        while self.some(4096).await.is_some() {}
    }

    /// Writes `text`; `false` when the client no longer listens.
    pub(crate) async fn write(&mut self, text: &str) -> bool {
        self.stream.write_all(text.as_bytes()).await.is_ok()
    }

    /// Says that nothing more will be written, and keeps listening.
    pub(crate) async fn finish(&mut self) {
        // The client may be gone already.
        let _ = self.stream.shutdown().await;
    }

    /// Answers 200 with a JSON body and keeps the connection.
    pub(crate) async fn ok(&mut self) {
        self.write("HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\n{}").await;
    }

    /// Answers every request until the client closes.
    pub(crate) async fn serve(mut self) {
        while self.request().await.is_some() {
            self.ok().await;
        }
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.trim().parse().expect("a number"))
}
