//! Firecracker's API: HTTP/1.1 over a unix socket.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;

use super::requests::Request;
use crate::{VmmError, error::Context, socket::Within};

/// Firecracker answers in milliseconds; starting a guest takes it some dozens.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// 2 GiB at the pace of a slow disk on a busy host.
const MEMORY_TIMEOUT: Duration = Duration::from_secs(300);

/// Answers are an error's sentence, or the instance's state.
const MAX_ANSWER: usize = 64 << 10;

/// Between two looks for the socket of a Firecracker that starts.
const RETRY: Duration = Duration::from_millis(2);

#[derive(Clone)]
pub(super) struct Client {
    socket: Within,
}

impl Client {
    pub fn new(socket: Within) -> Self {
        Self { socket }
    }

    /// Waits until somebody listens; the caller bounds the time.
    pub async fn wait_until_there(&self) {
        while self.socket.connect().await.is_err() {
            tokio::time::sleep(RETRY).await;
        }
    }

    pub async fn put(&self, request: &Request) -> Result<(), VmmError> {
        self.send(Method::PUT, &request.path, request.body.to_string()).await.map(drop)
    }

    /// A `PUT` that reads or writes the guest's memory.
    pub async fn put_memory(&self, request: &Request) -> Result<(), VmmError> {
        let late = |_| VmmError::NoAnswer { after: MEMORY_TIMEOUT };
        let exchange = self.exchange(Method::PUT, &request.path, request.body.to_string());
        tokio::time::timeout(MEMORY_TIMEOUT, exchange).await.map_err(late)?.map(drop)
    }

    pub async fn patch(&self, request: &Request) -> Result<(), VmmError> {
        self.send(Method::PATCH, &request.path, request.body.to_string()).await.map(drop)
    }

    /// The guest was started (it may be paused now).
    pub async fn is_running(&self) -> Result<bool, VmmError> {
        let instance: Value = serde_json::from_slice(&self.send(Method::GET, "/", String::new()).await?)
            .map_err(|e| VmmError::Refused { command: "GET /".into(), reason: e.to_string() })?;
        Ok(instance["state"] != "Not started")
    }

    async fn send(&self, method: Method, path: &str, body: String) -> Result<Bytes, VmmError> {
        let late = |_| VmmError::NoAnswer { after: ANSWER_TIMEOUT };
        tokio::time::timeout(ANSWER_TIMEOUT, self.exchange(method, path, body)).await.map_err(late)?
    }

    async fn exchange(&self, method: Method, path: &str, body: String) -> Result<Bytes, VmmError> {
        let command = format!("{method} {path}");
        let refused = |reason: String| VmmError::Refused { command: command.clone(), reason };
        let stream = self.socket.connect().await.context(|| "connecting to Firecracker".into())?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|e| refused(e.to_string()))?;
        // Ends with the sender.
        tokio::spawn(connection);
        let request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("accept", "application/json")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|e| refused(e.to_string()))?;
        let answer = sender.send_request(request).await.map_err(|e| refused(e.to_string()))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|e| refused(e.to_string()))?.to_bytes();
        if status.is_success() {
            return Ok(body);
        }
        let fault = serde_json::from_slice(&body)
            .ok()
            .and_then(|v: Value| Some(v["fault_message"].as_str()?.to_owned()));
        Err(refused(fault.unwrap_or_else(|| status.to_string())))
    }
}

#[cfg(test)]
#[path = "api_test.rs"]
mod tests;
