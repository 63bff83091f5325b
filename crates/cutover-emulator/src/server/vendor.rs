//! One vendor's port.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::body::{AnswerBody, CutOff};
use super::line::{Line, Reset};
use crate::answer;
use crate::clock::pause;
use crate::exchange::Exchange;
use crate::model::{Request, Response};
use crate::vendor::Vendor;
use crate::world::Emulator;

/// No call of any vendor needs more than this.
const REQUEST_MAX: usize = 1024 * 1024;

/// What keeps connections from coming about, such as too many open files, is still there an instant later.
pub(super) const AFTER_AN_ERROR: Duration = Duration::from_millis(10);

/// Serves `vendor` until dropped; no connection comes about while a fault closes the vendor.
pub(super) async fn serve(emulator: Emulator, vendor: Vendor, mut listener: TcpListener, address: SocketAddr) {
    loop {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = emulator.closes(vendor, true) => break,
                Some(_ended) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(connection(emulator.clone(), vendor, stream));
                    }
                    Err(error) => {
                        tracing::warn!(%vendor, %error, "no connection came about");
                        pause(AFTER_AN_ERROR).await;
                    }
                },
            }
        }
        drop(listener);
        connections.shutdown().await;
        match reopened(&emulator, vendor, address).await {
            Ok(open) => listener = open,
            Err(error) => {
                tracing::error!(%vendor, %address, %error, "the port is lost");
                return;
            }
        }
    }
}

/// Holds the port without listening on it, so that connections are refused, until the vendor opens again.
async fn reopened(emulator: &Emulator, vendor: Vendor, address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    emulator.closes(vendor, false).await;
    socket.listen(1024)
}

async fn connection(emulator: Emulator, vendor: Vendor, stream: TcpStream) {
    let _only_slower = stream.set_nodelay(true);
    let reset = Reset::default();
    let line = Line::new(stream, reset.clone());
    let service = service_fn(move |request| answer(emulator.clone(), vendor, request, reset.clone()));
    let served = http1::Builder::new().serve_connection(TokioIo::new(line), service).await;
    if let Err(error) = served {
        tracing::debug!(%vendor, %error, "a connection ended early");
    }
}

async fn answer(
    emulator: Emulator,
    vendor: Vendor,
    request: hyper::Request<Incoming>,
    reset: Reset,
) -> Result<hyper::Response<AnswerBody>, CutOff> {
    let Some(request) = whole(request).await else {
        return Ok(answer::empty(413).map(AnswerBody::whole));
    };
    let response: Response = match emulator.exchange(vendor, request) {
        Exchange::Answer(response) => response,
        Exchange::Refuse | Exchange::Close => {
            reset.ask();
            return Err(CutOff);
        }
        Exchange::Cut { response, kept } => {
            return Ok(response.map(|body| AnswerBody::cut(&body, kept)));
        }
        Exchange::Hold { response, ticket } => {
            emulator.released(ticket).await;
            response
        }
        Exchange::Delay { response, by } => {
            pause(by).await;
            response
        }
    };
    Ok(response.map(AnswerBody::whole))
}

/// The request with its whole body; `None` when that is too long or breaks off.
pub(super) async fn whole(request: hyper::Request<Incoming>) -> Option<Request> {
    let (head, body) = request.into_parts();
    if body.is_end_stream() {
        return Some(Request::from_parts(head, Bytes::new()));
    }
    let body = Limited::new(body, REQUEST_MAX).collect().await.ok()?.to_bytes();
    Some(Request::from_parts(head, body))
}
