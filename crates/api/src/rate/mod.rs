//! How often a caller may call.
//!
//! Responsible for: the limits, and the buckets that count. Not responsible for: what runs at a time, which queues bound.
//! A bucket belongs to a caller, an action and what it is done to, so that one machine's restart takes
//! nothing from another's, and one person's script nothing from a colleague. A call over the limit waits for its turn for a
//! while, and is refused when that would take too long.

mod buckets;
mod limits;

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::Request,
    http::{HeaderValue, Method, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use roost_api_types::ErrorCode;

pub use self::limits::{Rate, RateLimits};
use self::{buckets::Buckets, limits::Counted};
use crate::{auth::Caller, error::ApiError};

pub struct RateLimiter {
    limits: RateLimits,
    buckets: Mutex<Buckets>,
}

/// Why a call is not carried out.
pub struct TooMany {
    error: ApiError,
    /// Until it would be.
    secs: u64,
}

impl IntoResponse for TooMany {
    fn into_response(self) -> Response {
        let mut response = self.error.into_response();
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(self.secs));
        response
    }
}

impl RateLimiter {
    pub fn new(limits: RateLimits) -> Self {
        Self { limits, buckets: Mutex::default() }
    }

    /// Counts the call, and says how long it has to wait for its turn; the answer to give instead when there were
    /// too many. `route` is the path with names in braces.
    pub fn admit(&self, caller: &Caller, route: &str, request: &Request) -> Result<Duration, TooMany> {
        if !self.limits.enabled {
            return Ok(Duration::ZERO);
        }
        let (method, path) = (request.method(), request.uri().path());
        let (key, rate) = match (caller.tokens().next(), caller.machine()) {
            (Some(token), _) => match self.limits.of(method, route) {
                Some((rate, Counted::Each)) => {
                    (format!("{} {method} {route} {}", token.id, subject(route, path)), rate)
                }
                Some((rate, Counted::Together)) => (format!("{} {method} {route}", token.id), rate),
                None => return Ok(Duration::ZERO),
            },
            // All that a machine asks about itself counts together.
            (None, Some(identity)) => (format!("machine {}", identity.machine), self.limits.machine_calls),
            (None, None) => return Ok(Duration::ZERO),
        };
        let taken =
            self.buckets.lock().unwrap_or_else(PoisonError::into_inner).take(key, rate, Instant::now());
        taken.map_err(|wait| refusal(method, path, rate, wait))
    }
}

/// The app and the machine or volume that a path names; what comes after them does not count.
fn subject(route: &str, path: &str) -> String {
    let names = route.split('/').zip(path.split('/')).filter(|(part, _)| part.starts_with('{'));
    let names = names.map(|(_, name)| name).take(2);
    names.collect::<Vec<_>>().join("/")
}

fn refusal(method: &Method, path: &str, rate: Rate, wait: Duration) -> TooMany {
    let secs = wait.as_secs_f64().ceil().max(1.0) as u64;
    let message = format!(
        "rate limit exceeded: {method} {path} may be called {} times a second, {} at once; send it again in {secs} s",
        rate.per_second, rate.burst
    );
    TooMany { error: ApiError::new(ErrorCode::RateLimited, message), secs }
}
