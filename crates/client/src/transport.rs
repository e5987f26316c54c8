//! Requests and answers.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, header};
use serde::{Serialize, de::DeserializeOwned};

use crate::{ClientError, JsonLines, error::refused};

/// A server that does not take a connection within this time is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest that a call without a stream may take; waiting for a machine is the slowest.
const CALL_TIMEOUT: Duration = Duration::from_secs(330);

/// For calls without a body.
pub(crate) const NO_BODY: Option<&()> = None;

/// A cheap handle on one server's API; clones share connections.
#[derive(Clone)]
pub struct ApiClient {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl ApiClient {
    /// A client of the API at `base`, such as `http://127.0.0.1:4280`. Connects when first used.
    pub fn new(base: &str, token: &str) -> Self {
        // Another provider may have been installed first; then that one is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("roost/", env!("CARGO_PKG_VERSION")))
            // The server is on this box or named by hand; a proxy for the web is never meant.
            .no_proxy()
            .build()
            .expect("a client without options that can fail");
        Self { http, base: base.trim_end_matches('/').to_owned(), token: token.to_owned() }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.answer(self.request(Method::GET, path).timeout(CALL_TIMEOUT)).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.answer(self.request(Method::POST, path).json(body).timeout(CALL_TIMEOUT)).await
    }

    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, ClientError> {
        let mut request = self.request(method, path).timeout(CALL_TIMEOUT);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.answer(request).await
    }

    /// A call whose answer says nothing but that it was done.
    pub(crate) async fn done(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<(), ClientError> {
        let mut request = self.request(method, path).timeout(CALL_TIMEOUT);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.send(request).await.map(drop)
    }

    /// A call whose answer goes on, a JSON line at a time.
    pub(crate) async fn lines<T: DeserializeOwned>(&self, path: &str) -> Result<JsonLines<T>, ClientError> {
        let response = self.send(self.request(Method::GET, path)).await?;
        Ok(JsonLines::new(self.url(path), response))
    }

    /// A call that turns the connection into something else.
    pub(crate) async fn upgrade(&self, path: &str, protocol: &str) -> Result<reqwest::Upgraded, ClientError> {
        let request = self
            .request(Method::GET, path)
            .header(header::CONNECTION, "upgrade")
            .header(header::UPGRADE, protocol);
        let response = self.send(request).await?;
        response.upgrade().await.map_err(|e| ClientError::Broken { url: self.url(path), source: e.into() })
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url(path)).bearer_auth(&self.token)
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        let response = self.send(request).await?;
        let url = response.url().to_string();
        let body = response.bytes().await;
        let body = body.map_err(|e| ClientError::Broken { url: url.clone(), source: e.into() })?;
        serde_json::from_slice(&body).map_err(|e| ClientError::Nonsense { url, reason: e.to_string() })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let url = self.base.clone();
        let response = request.send().await.map_err(|source| {
            if source.is_connect() {
                ClientError::Unreachable { url: url.clone(), reason: first_cause(&source) }
            } else {
                ClientError::Broken { url: url.clone(), source: source.into() }
            }
        })?;
        let status = response.status();
        if status.is_success() || status == reqwest::StatusCode::SWITCHING_PROTOCOLS {
            return Ok(response);
        }
        let body = response.bytes().await.map_err(|e| ClientError::Broken { url, source: e.into() })?;
        Err(refused(status.as_u16(), &body))
    }
}

/// The innermost cause: what happened, without the layers that it came through.
fn first_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
