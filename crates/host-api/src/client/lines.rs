//! Bodies that are one JSON value a line, read as they arrive.

use std::{
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::{Stream, StreamExt, TryStreamExt};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use tokio_util::{
    codec::{FramedRead, LinesCodec, LinesCodecError},
    io::StreamReader,
};

use super::HostError;
use crate::MAX_LINE_BYTES;

type Lines = Pin<Box<dyn Stream<Item = Result<String, HostError>> + Send>>;

/// A stream of `T`; ends when the host ends it, and after the first error. Dropping it closes
/// the connection.
pub struct JsonLines<T> {
    lines: Lines,
    failed: bool,
    kind: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> JsonLines<T> {
    /// Fails with [`HostError::Silent`] when no line comes for `silence`.
    pub(super) fn new(body: Incoming, silence: Option<Duration>) -> Self {
        let bytes = body.into_data_stream().map_err(std::io::Error::other);
        let codec = LinesCodec::new_with_max_length(MAX_LINE_BYTES);
        let lines = FramedRead::new(StreamReader::new(bytes), codec).map_err(broken);
        let lines: Lines = match silence {
            None => Box::pin(lines),
            Some(limit) => Box::pin(with_silence_limit(lines, limit)),
        };
        Self { lines, failed: false, kind: PhantomData }
    }
}

/// The next line of `lines`, or an error when it takes longer than `limit`.
fn with_silence_limit(
    lines: impl Stream<Item = Result<String, HostError>> + Send + 'static,
    limit: Duration,
) -> impl Stream<Item = Result<String, HostError>> + Send {
    futures::stream::unfold(Box::pin(lines), move |mut lines| async move {
        let next = tokio::time::timeout(limit, lines.next()).await;
        let item = next.unwrap_or(Some(Err(HostError::Silent { secs: limit.as_secs() })))?;
        Some((item, lines))
    })
}

fn broken(error: LinesCodecError) -> HostError {
    HostError::Broken(error.to_string())
}

impl<T: DeserializeOwned> Stream for JsonLines<T> {
    type Item = Result<T, HostError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.failed {
            return Poll::Ready(None);
        }
        let item = std::task::ready!(self.lines.poll_next_unpin(cx)).map(|line| {
            line.and_then(|l| serde_json::from_str(&l).map_err(|e| HostError::Protocol(e.to_string())))
        });
        self.failed = matches!(item, Some(Err(_)));
        Poll::Ready(item)
    }
}
