//! Answers that go on: a JSON value on each line.

use std::{marker::PhantomData, pin::Pin};

use futures::{Stream, StreamExt as _, TryStreamExt as _};
use roost_host_api::MAX_LINE_BYTES;
use serde::de::DeserializeOwned;
use tokio_util::{
    codec::{FramedRead, LinesCodec, LinesCodecError},
    io::StreamReader,
};

use crate::ClientError;

type Lines = Pin<Box<dyn Stream<Item = Result<String, LinesCodecError>> + Send>>;

/// A stream of values; ends when the server ends the answer.
pub struct JsonLines<T> {
    url: String,
    lines: Lines,
    value: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> JsonLines<T> {
    pub(crate) fn new(url: String, response: reqwest::Response) -> Self {
        let bytes = StreamReader::new(response.bytes_stream().map_err(std::io::Error::other));
        let lines = FramedRead::new(bytes, LinesCodec::new_with_max_length(MAX_LINE_BYTES));
        Self { url, lines: Box::pin(lines), value: PhantomData }
    }

    /// The next value; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<T>, ClientError> {
        let Some(line) = self.lines.next().await else { return Ok(None) };
        let line = line.map_err(|e| ClientError::Broken { url: self.url.clone(), source: e.into() })?;
        serde_json::from_str(&line)
            .map(Some)
            .map_err(|e| ClientError::Nonsense { url: self.url.clone(), reason: e.to_string() })
    }
}
