//! What a client is told whose request can not be read at all.

use std::{io, sync::Arc, time::Duration};

use http::{HeaderValue, Version, header};
use http_body_util::BodyExt as _;
use roost_wire::fields;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};
use tracing::info;

use crate::{
    client::Client,
    client_io::ClientIo,
    context::Edge,
    destination,
    failure::{Code, Failure},
    headers::{self, RequestId},
    limits::LINGER,
};

/// Why, where there is somebody to tell. `refused` is the status that hyper would have given its client.
pub(super) fn of(refused: Option<u16>, error: &hyper::Error) -> Option<Failure> {
    let code = match refused? {
        414 | 431 => Code::HeadTooLarge,
        _ => Code::BadHead,
    };
    Some(Failure::new(code, format!("{error}.")))
}

/// Whether that is the beginning of a request.
pub(super) fn has_begun(early: &[u8]) -> bool {
    early.iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
}

/// Answers, and closes the connection: where the next request begins can not be known.
pub(super) async fn tell(
    edge: &Arc<Edge>,
    client: &Client,
    mut io: ClientIo,
    failure: Failure,
) -> io::Result<()> {
    let id = RequestId::generate(&edge.config.region);
    let (code, detail) = (failure.code.as_str(), failure.detail.as_deref());
    info!(request = id.as_str(), peer = %client.peer, code, detail, "not served");
    if let Some(app) = destination::app_of_client(edge, client) {
        edge.not_served(&app, Some(&id), Duration::ZERO, &failure);
    }
    let answer = answer(&id, &failure).await;
    let told = async {
        io.write_all(&answer).await?;
        io.shutdown().await?;
        // What is unread when a connection is closed takes the answer with it.
        // On the heap: every connection has room for what this future holds.
        let mut rest = vec![0; 4096];
        while io.read(&mut rest).await? > 0 {}
        Ok(())
    };
    timeout(LINGER, told).await.unwrap_or(Ok(()))
}

async fn answer(id: &RequestId, failure: &Failure) -> Vec<u8> {
    let (mut head, body) = failure.response().into_parts();
    let text = body.collect().await.map_or_else(|never| match never {}, |body| body.to_bytes());
    headers::add_own(&mut head.headers, id, Version::HTTP_11);
    head.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    head.headers.insert(header::CONTENT_LENGTH, text.len().into());
    let mut answer = format!("HTTP/1.1 {}\r\n", head.status).into_bytes();
    for (name, value) in &head.headers {
        fields::write(&mut answer, name, value);
    }
    answer.extend_from_slice(b"\r\n");
    answer.extend_from_slice(&text);
    answer
}
