//! HTTP/1.1 over a unix socket: a pool of connections and the four shapes of a call.

use std::{
    future::Future,
    io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, upgrade::Upgraded};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{net::UnixStream, time::timeout};

use super::HostError;
use crate::{ErrorBody, ErrorCode, MAX_ANSWER_BYTES};

/// Connections kept open between calls: more than the calls that one role usually has in flight.
const MAX_IDLE: usize = 16;

/// Shorter than any server's own limit, so that a call rarely meets a connection being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// For calls without a body, whose type would otherwise have to be named.
pub const NO_BODY: Option<&()> = None;

#[derive(Clone, Debug)]
pub struct Connection {
    socket: Arc<Path>,
    client: Client<Connector, Full<Bytes>>,
}

impl Connection {
    pub fn unix(socket: &Path) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(MAX_IDLE)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_timer(hyper_util::rt::TokioTimer::new())
            .build(Connector { socket: socket.to_owned() });
        Self { socket: socket.into(), client }
    }

    /// As [`Self::call`], of what needs no body.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, limit: Duration) -> Result<T, HostError> {
        self.call(Method::GET, path, NO_BODY, limit).await
    }

    /// Sends, and reads the whole answer as JSON; `limit` covers both.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
        limit: Duration,
    ) -> Result<T, HostError> {
        let request = request(method, path, body)?;
        within(limit, async {
            let response = self.send(request).await?;
            let body = read(response.into_body()).await?;
            // Calls that answer nothing read as `()`.
            let json: &[u8] = if body.is_empty() { b"null" } else { &body };
            serde_json::from_slice(json).map_err(|e| HostError::Protocol(e.to_string()))
        })
        .await
    }

    /// Sends, and returns the body once the head is here (within `limit`).
    pub async fn stream(&self, path: &str, limit: Duration) -> Result<Incoming, HostError> {
        let request = request(Method::GET, path, NO_BODY)?;
        within(limit, async { Ok(self.send(request).await?.into_body()) }).await
    }

    /// Turns the connection of this call into a raw stream of `protocol`.
    pub async fn upgrade(
        &self,
        path: &str,
        protocol: &'static str,
        limit: Duration,
    ) -> Result<TokioIo<Upgraded>, HostError> {
        let mut request = request(Method::GET, path, NO_BODY)?;
        request.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("upgrade"));
        request.headers_mut().insert(header::UPGRADE, header::HeaderValue::from_static(protocol));
        within(limit, async {
            let response = self.send(request).await?;
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Err(HostError::Protocol(format!("status {} to an upgrade", response.status())));
            }
            let upgraded = hyper::upgrade::on(response).await;
            upgraded.map(TokioIo::new).map_err(|e| HostError::Broken(e.to_string()))
        })
        .await
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, HostError> {
        let response = self.client.request(request).await.map_err(|e| self.failure(&e))?;
        if response.status().is_success() || response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(response);
        }
        let status = response.status();
        let body = read(response.into_body()).await?;
        Err(HostError::Refused(serde_json::from_slice(&body).unwrap_or_else(|_| ErrorBody {
            code: ErrorCode::Internal,
            message: format!("the host answered {status}: {}", String::from_utf8_lossy(&body)),
        })))
    }

    fn failure(&self, error: &hyper_util::client::legacy::Error) -> HostError {
        let reason = root_cause(error);
        if error.is_connect() {
            HostError::Unreachable { socket: self.socket.display().to_string(), reason }
        } else {
            HostError::Broken(reason)
        }
    }
}

fn request(
    method: Method,
    path: &str,
    body: Option<&impl Serialize>,
) -> Result<Request<Full<Bytes>>, HostError> {
    let body = body.map(serde_json::to_vec).transpose().map_err(|e| HostError::Protocol(e.to_string()))?;
    Request::builder()
        .method(method)
        // A unix socket has no host name, but HTTP/1.1 wants one.
        .uri(format!("http://host{path}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::from(body.unwrap_or_default()))
        .map_err(|e| HostError::Protocol(e.to_string()))
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, HostError>>,
) -> Result<T, HostError> {
    timeout(limit, work).await.unwrap_or(Err(HostError::Silent { secs: limit.as_secs() }))
}

async fn read(body: Incoming) -> Result<Bytes, HostError> {
    let limited = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
    limited.map(|collected| collected.to_bytes()).map_err(|e| HostError::Broken(e.to_string()))
}

/// hyper's own texts ("client error") say less than what they wrap.
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[derive(Clone, Debug)]
struct Connector {
    socket: PathBuf,
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<UnixStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let socket = self.socket.clone();
        Box::pin(async move { Ok(TokioIo::new(UnixStream::connect(socket).await?)) })
    }
}
