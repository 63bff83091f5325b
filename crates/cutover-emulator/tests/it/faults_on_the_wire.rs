//! Every kind of fault over a real socket, seen by a client that knows nothing but TCP.

use std::io::ErrorKind;

use cutover_emulator::server::{Listen, Server};
use cutover_emulator::{Emulator, Vendor};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Client, Project, path};
use crate::tcp::{Heard, address, heard};

/// A served emulator and its Stytch project.
struct Served {
    server: Server,
    project: Project,
}

impl Served {
    async fn new() -> Self {
        let emulator = Emulator::builder().seed(7).build();
        let server = Server::start(emulator.clone(), Listen::default()).await.expect("a port");
        Self { server, project: Project::of(emulator) }
    }

    async fn under(fault: &str) -> Self {
        let served = Self::new().await;
        served.project.emulator.fault(fault).expect("a fault");
        served
    }

    fn message(&self, client: &Client) -> String {
        let authorization = self.project.authorization();
        let path = path(client, "/secrets/rotate/start");
        format!(
            "POST {path} HTTP/1.1\r\nhost: emulator\r\nconnection: close\r\nauthorization: {authorization}\r\n\
             content-length: 2\r\n\r\n{{}}"
        )
    }

    async fn sent(&self) -> TcpStream {
        let mut stream = TcpStream::connect(address(&self.server, Vendor::Stytch)).await.expect("a connection");
        let message = self.message(&self.project.app());
        stream.write_all(message.as_bytes()).await.expect("to be heard");
        stream
    }

    async fn start(&self) -> Heard {
        heard(self.sent().await).await
    }

    /// Whether the vendor has acted upon a start.
    fn acted(&self) -> bool {
        let app = self.project.app();
        self.project.shown(&app)["next_client_secret_last_four"].is_string()
    }
}

#[tokio::test]
async fn without_a_fault_the_answer_comes_whole() {
    let served = Served::new().await;
    let heard = served.start().await;
    assert_eq!((heard.status(), heard.end), (Some(200), Ok(())));
    assert_eq!(heard.header("content-length"), Some(heard.body().len().to_string()));
    assert!(served.acted());
}

#[tokio::test]
async fn a_vendor_that_refuses_everything_has_no_open_port_and_comes_back_at_the_same() {
    let served = Served::new().await;
    let mut kept = TcpStream::connect(address(&served.server, Vendor::Stytch)).await.expect("a connection");
    served.project.emulator.fault("stytch.*#*=refuse_connection").expect("a fault");
    // Closed or reset, the connection ends once the port is closed.
    assert_eq!(kept.read(&mut [0]).await.unwrap_or(0), 0);
    let refused = TcpStream::connect(address(&served.server, Vendor::Stytch)).await.expect_err("a closed port");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    served.project.emulator.clear_faults();
    let deadline = std::time::Duration::from_secs(10);
    let back = async {
        while TcpStream::connect(address(&served.server, Vendor::Stytch)).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(deadline, back).await.expect("the port to be back");
    assert_eq!(served.start().await.status(), Some(200));
}

#[tokio::test]
async fn a_cut_body_is_announced_whole_and_stops_after_its_bytes() {
    for kept in [0, 1, 40] {
        let served = Served::under(&format!("stytch.connected_app.start#1=cut_body:{kept}")).await;
        let heard = served.start().await;
        assert_eq!((heard.status(), heard.body().len()), (Some(200), kept));
        let announced: usize = heard.header("content-length").expect("a length").parse().expect("a number");
        assert!(400 < announced);
        assert!(served.acted());
    }
}

#[tokio::test]
async fn a_held_answer_goes_when_it_is_released() {
    let served = Served::under("stytch.connected_app.start#1=hold_answer").await;
    let stream = served.sent().await;
    served.project.emulator.reached(Vendor::Stytch, "connected_app.start", 1).await;
    let mut byte = [0];
    assert!(stream.try_read(&mut byte).is_err(), "nothing has come");
    served.project.emulator.release();
    assert_eq!(heard(stream).await.status(), Some(200));
}

#[tokio::test]
async fn a_client_may_go_away_from_a_held_answer_and_the_vendor_has_acted() {
    let served = Served::under("stytch.connected_app.start#1=hold_answer").await;
    let stream = served.sent().await;
    served.project.emulator.reached(Vendor::Stytch, "connected_app.start", 1).await;
    drop(stream);
    assert!(served.acted());
    // The server is still well: the next call answers that a rotation is pending.
    assert_eq!(served.start().await.status(), Some(400));
}
