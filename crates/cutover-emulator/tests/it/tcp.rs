//! A client that knows nothing but TCP.

use std::io::ErrorKind;
use std::net::SocketAddr;

use cutover_emulator::server::Server;
use cutover_emulator::{Request, Vendor};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// All bytes that came, and how the connection ended.
pub(crate) struct Heard {
    pub(crate) bytes: Vec<u8>,
    pub(crate) end: Result<(), ErrorKind>,
}

impl Heard {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn body(&self) -> String {
        self.text().split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
    }

    pub(crate) fn status(&self) -> Option<u16> {
        self.text().split(' ').nth(1)?.parse().ok()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let text = self.text();
        let mut lines = text.lines().take_while(|line| !line.is_empty());
        lines.find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned))
    }
}

/// Where `vendor` listens.
pub(crate) fn address(server: &Server, vendor: Vendor) -> SocketAddr {
    let url = server.base_url(vendor);
    let host = url.strip_prefix("http://").expect("plain HTTP").split('/').next();
    host.expect("a host").parse().expect("an address")
}

/// Sends `request` over a connection of its own, which is to end with the answer.
pub(crate) async fn sent(server: &Server, vendor: Vendor, request: &Request) -> TcpStream {
    let mut message = format!("{} {} HTTP/1.1\r\nconnection: close\r\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        message.push_str(&format!("{name}: {}\r\n", value.to_str().expect("text")));
    }
    message.push_str(&format!("content-length: {}\r\n\r\n", request.body().len()));
    let mut bytes = message.into_bytes();
    bytes.extend_from_slice(request.body());
    let mut stream = TcpStream::connect(address(server, vendor)).await.expect("a connection");
    stream.write_all(&bytes).await.expect("to be heard");
    stream
}

/// Listens until the connection ends.
pub(crate) async fn heard(mut stream: TcpStream) -> Heard {
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).await.map(|_| ()).map_err(|error| error.kind());
    Heard { bytes, end }
}
