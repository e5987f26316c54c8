//! Tokens: asked for when a registry demands one, kept until they expire.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use reqwest::{RequestBuilder, Url};
use roost_wire::challenge::{self, Challenge};
use serde::Deserialize;

use super::{
    Credentials, RegistryClient,
    endpoint::is_loopback,
    request::{self, Failure},
};
use crate::ImageError;

/// Tokens are small; larger answers are not tokens.
const MAX_TOKEN_BYTES: u64 = 64 << 10;

/// Life of a token that does not tell (distribution token specification).
const DEFAULT_LIFETIME: u64 = 60;

/// Kept by host and scope. Bounded by what one process pulls and pushes.
#[derive(Default)]
pub struct Tokens(Mutex<HashMap<(String, String), Kept>>);

#[derive(Clone)]
struct Kept {
    authorization: Authorization,
    until: Instant,
}

#[derive(Clone)]
enum Authorization {
    Bearer(String),
    Basic { username: String, password: String },
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl RegistryClient {
    /// Adds what the registry asked for before, or what it is known to take.
    pub(super) fn authorize(
        &self,
        failure: &Failure<'_>,
        scope: &str,
        request: RequestBuilder,
    ) -> RequestBuilder {
        let kept = self.tokens.get(&failure.endpoint.host, scope);
        let given = || match self.config.credentials.get(&failure.endpoint.account) {
            Some(Credentials::Token { token }) => Some(Authorization::Bearer(token.clone())),
            _ => None,
        };
        match kept.or_else(given) {
            Some(Authorization::Bearer(token)) => request.bearer_auth(token),
            Some(Authorization::Basic { username, password }) => request.basic_auth(username, Some(password)),
            None => request,
        }
    }

    /// Answers a 401: gets a token, or takes up Basic.
    pub(super) async fn meet_challenge(
        &self,
        failure: &Failure<'_>,
        scope: &str,
        response: &reqwest::Response,
    ) -> Result<(), ImageError> {
        let headers = response.headers().get_all(reqwest::header::WWW_AUTHENTICATE);
        let mut challenges = headers.iter().filter_map(|value| challenge::parse(value.to_str().ok()?));
        let credentials = self.config.credentials.get(&failure.endpoint.account);
        let kept = match (challenges.next(), credentials) {
            (Some(Challenge::Bearer { realm, service }), credentials) => {
                self.fetch_token(failure, scope, &realm, service.as_deref(), credentials).await?
            }
            (Some(Challenge::Basic), Some(Credentials::Basic { username, password })) => Kept {
                authorization: Authorization::Basic {
                    username: username.clone(),
                    password: password.clone(),
                },
                until: Instant::now() + Duration::from_secs(DEFAULT_LIFETIME),
            },
            _ => return Err(failure.denied("it wants credentials, and none are configured")),
        };
        self.tokens.keep(&failure.endpoint.host, scope, kept);
        Ok(())
    }

    async fn fetch_token(
        &self,
        failure: &Failure<'_>,
        scope: &str,
        realm: &str,
        service: Option<&str>,
        credentials: Option<&Credentials>,
    ) -> Result<Kept, ImageError> {
        let url =
            Url::parse(realm).map_err(|_| failure.protocol("its token service has no valid address"))?;
        let mut query: Vec<(&str, &str)> = scope.split(' ').map(|scope| ("scope", scope)).collect();
        query.extend(service.map(|service| ("service", service)));
        let mut request = self.http.get(url.clone()).query(&query);
        if let Some(Credentials::Basic { username, password }) = credentials {
            let is_clear = url.scheme() == "http" && failure.endpoint.scheme != "http";
            if is_clear && !is_loopback(url.host_str().unwrap_or_default()) {
                return Err(failure.denied("its token service would read the password in clear text"));
            }
            request = request.basic_auth(username, Some(password));
        }
        let response = request.send().await.map_err(|error| failure.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(failure.denied(&format!("its token service answered {}", response.status())));
        }
        let bytes = request::read_bounded(response, MAX_TOKEN_BYTES, failure).await?;
        let answer: Answer = serde_json::from_slice(&bytes)
            .map_err(|_| failure.protocol("its token service gave no token"))?;
        let token = answer.token.or(answer.access_token);
        let token = token.ok_or_else(|| failure.protocol("its token service gave no token"))?;
        let lifetime = answer.expires_in.unwrap_or(DEFAULT_LIFETIME).clamp(DEFAULT_LIFETIME, 3600);
        // A little less, for the way there.
        let until = Instant::now() + Duration::from_secs(lifetime - 10);
        Ok(Kept { authorization: Authorization::Bearer(token), until })
    }
}

impl Tokens {
    fn get(&self, host: &str, scope: &str) -> Option<Authorization> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = tokens.get(&(host.to_owned(), scope.to_owned()))?;
        (kept.until > Instant::now()).then(|| kept.authorization.clone())
    }

    fn keep(&self, host: &str, scope: &str, kept: Kept) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|_, kept| kept.until > Instant::now());
        tokens.insert((host.to_owned(), scope.to_owned()), kept);
    }
}
