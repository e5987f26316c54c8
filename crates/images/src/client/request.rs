//! One request to a registry, with its credentials, its retries and its errors.

use std::{error::Error, time::Duration};

use futures::StreamExt;
use reqwest::{RequestBuilder, Response, StatusCode, header};

use super::{Endpoint, RegistryClient};
use crate::ImageError;

/// Tries of a request that a server did not answer, or was too busy for.
const MAX_TRIES: u32 = 4;

/// Pause before the second try; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Longest pause that a server can ask for.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// Bytes of an error's body that are read.
const MAX_ERROR_BYTES: u64 = 16 << 10;

/// Who was asked for what: makes errors that say so.
pub(crate) struct Failure<'a> {
    pub endpoint: &'a Endpoint,
    pub repository: &'a str,
    pub image: String,
}

impl RegistryClient {
    /// Sends what `request` builds until it is answered with success: meets one challenge, waits and
    /// tries again when the server is away or busy.
    pub(crate) async fn send(
        &self,
        failure: &Failure<'_>,
        scope: &str,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Response, ImageError> {
        let (mut challenged, mut tries) = (false, 0);
        loop {
            tries += 1;
            let (error, pause) = match self.authorize(failure, scope, request()).send().await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) if response.status() == StatusCode::UNAUTHORIZED && !challenged => {
                    challenged = true;
                    self.meet_challenge(failure, scope, &response).await?;
                    continue;
                }
                Ok(response) if is_busy(response.status()) => {
                    let pause = retry_after(&response);
                    (failure.of_answer(response).await, pause)
                }
                Ok(response) => return Err(failure.of_answer(response).await),
                Err(error) => (failure.unreachable(&error), None),
            };
            if tries == MAX_TRIES {
                return Err(error);
            }
            tokio::time::sleep(pause.unwrap_or(FIRST_PAUSE * 2u32.pow(tries - 1))).await;
        }
    }

    /// Sends a request that cannot be repeated, with the token of an earlier one.
    pub(crate) async fn send_once(
        &self,
        failure: &Failure<'_>,
        scope: &str,
        request: RequestBuilder,
    ) -> Result<Response, ImageError> {
        let response = self.authorize(failure, scope, request).send().await;
        let response = response.map_err(|error| failure.unreachable(&error))?;
        if response.status().is_success() { Ok(response) } else { Err(failure.of_answer(response).await) }
    }
}

fn is_busy(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
        || (status.is_server_error()
            && status != StatusCode::NOT_IMPLEMENTED
            && status != StatusCode::INSUFFICIENT_STORAGE)
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_PAUSE))
}

/// A whole body of at most `limit` bytes.
pub(crate) async fn read_bounded(
    response: Response,
    limit: u64,
    failure: &Failure<'_>,
) -> Result<Vec<u8>, ImageError> {
    let (mut bytes, mut stream) = (Vec::new(), response.bytes_stream());
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk.map_err(|error| failure.unreachable(&error))?);
        if bytes.len() as u64 > limit {
            return Err(failure.protocol(&format!("an answer of more than {limit} bytes")));
        }
    }
    Ok(bytes)
}

impl Failure<'_> {
    pub fn unreachable(&self, error: &reqwest::Error) -> ImageError {
        ImageError::Unreachable { registry: self.endpoint.host.clone(), reason: chain(error) }
    }

    pub fn protocol(&self, reason: &str) -> ImageError {
        ImageError::Protocol { registry: self.endpoint.host.clone(), reason: reason.to_owned() }
    }

    pub fn denied(&self, reason: &str) -> ImageError {
        ImageError::Denied {
            registry: self.endpoint.host.clone(),
            repository: self.repository.to_owned(),
            reason: reason.to_owned(),
        }
    }

    async fn of_answer(&self, response: Response) -> ImageError {
        let status = response.status();
        let body = read_bounded(response, MAX_ERROR_BYTES, self).await.unwrap_or_default();
        let said = message(&body).map(|text| format!(": {text}")).unwrap_or_default();
        let reason = format!("it answered {status}{said}");
        match status {
            StatusCode::NOT_FOUND => {
                ImageError::NotFound { registry: self.endpoint.host.clone(), image: self.image.clone() }
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => self.denied(&reason),
            _ => self.protocol(&reason),
        }
    }
}

/// The sentence in a registry's error, if it is one.
fn message(body: &[u8]) -> Option<String> {
    let json: serde_json::Value = serde_json::from_slice(body).ok()?;
    let text = json["errors"][0]["message"].as_str().filter(|text| !text.is_empty())?;
    Some(text.chars().take(300).collect())
}

/// An error with its causes; reqwest hides the interesting ones.
pub(crate) fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
