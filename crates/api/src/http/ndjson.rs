//! Answers that go on: a JSON value a line.

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{HeaderValue, header::CONTENT_TYPE};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

pub const JSON_LINES: &str = "application/x-ndjson";

/// Ends with the stream, or with the server.
pub fn json_lines<T: Serialize>(
    values: impl Stream<Item = T> + Send + 'static,
    shutdown: CancellationToken,
) -> Response {
    let lines = values.take_until(shutdown.cancelled_owned()).map(|value| {
        let mut line = serde_json::to_vec(&value)?;
        line.push(b'\n');
        Ok::<_, serde_json::Error>(Bytes::from(line))
    });
    let mut response = Response::new(Body::from_stream(lines));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON_LINES));
    response
}
