//! Answers that go on: a JSON value on each line.

use std::{marker::PhantomData, pin::Pin};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use serde::de::DeserializeOwned;

use crate::ClientError;

/// Longest line that is accepted; a release with its steps is the longest there is.
const MAX_LINE: usize = 4 << 20;

/// A stream of values; ends when the server ends the answer.
pub struct JsonLines<T> {
    url: String,
    body: Pin<Box<dyn Stream<Item = Result<Bytes, reqwest::Error>> + Send>>,
    buffer: Vec<u8>,
    value: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> JsonLines<T> {
    pub(crate) fn new(url: String, response: reqwest::Response) -> Self {
        Self { url, body: Box::pin(response.bytes_stream()), buffer: Vec::new(), value: PhantomData }
    }

    /// The next value; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<T>, ClientError> {
        loop {
            if let Some(end) = self.buffer.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return self.value(&line).map(Some);
            }
            if self.buffer.len() > MAX_LINE {
                return Err(self.nonsense(format!("a line is longer than {MAX_LINE} bytes")));
            }
            match self.body.next().await {
                Some(Ok(bytes)) => self.buffer.extend_from_slice(&bytes),
                Some(Err(source)) => return Err(ClientError::Broken { url: self.url.clone(), source }),
                None if self.buffer.trim_ascii().is_empty() => return Ok(None),
                None => {
                    let line = std::mem::take(&mut self.buffer);
                    return self.value(&line).map(Some);
                }
            }
        }
    }

    fn value(&self, line: &[u8]) -> Result<T, ClientError> {
        serde_json::from_slice(line).map_err(|e| self.nonsense(e.to_string()))
    }

    fn nonsense(&self, reason: String) -> ClientError {
        ClientError::Nonsense { url: self.url.clone(), reason }
    }
}
