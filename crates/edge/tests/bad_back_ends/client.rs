//! What a client makes of an answer.

use axum::body::Body;
use http::{Request, Version};
use http_body_util::BodyExt as _;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::support::Node;

#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    /// The edge says what is wrong.
    Told {
        status: u16,
        code: String,
    },
    /// The transfer breaks off, and says so: after some of the answer, or before any of it has come.
    CutOff,
    Whole {
        status: u16,
        body: String,
    },
}

impl Seen {
    /// The code that stands in the app's log.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Told { code, .. } => Some(code),
            Self::CutOff => Some("E310"),
            Self::Whole { .. } => None,
        }
    }
}

/// Asks an app over a connection of its own.
pub async fn ask(node: &Node, app: &str, version: Version) -> Seen {
    let stream = TokioIo::new(TcpStream::connect(node.address).await.unwrap());
    let request = Request::get(format!("http://{app}.roost.test/"))
        .header("host", format!("{app}.roost.test"))
        .header("accept-encoding", "gzip")
        .body(Body::empty())
        .unwrap();
    let answer = if version == Version::HTTP_2 {
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await
    } else {
        let (mut sender, connection) = http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await
    };
    let Ok(answer) = answer else { return Seen::CutOff };
    let (head, body) = answer.into_parts();
    let status = head.status.as_u16();
    let Ok(body) = body.collect().await else { return Seen::CutOff };
    match head.headers.get("roost-error") {
        Some(code) => Seen::Told { status, code: code.to_str().unwrap().to_owned() },
        None => Seen::Whole { status, body: String::from_utf8_lossy(&body.to_bytes()).into_owned() },
    }
}
