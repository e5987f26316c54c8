//! The audit trail: who changed what, when, from where, and how it went.
//!
//! Every call that changes something is written down before its handler runs, and its result after it;
//! so is every call that was refused for want of a right. Bodies, queries and tokens are never kept.
//! The trail is the api's own, bounded, the oldest entries make room. A disk that takes no more entries
//! stops no call: machines must be stopped also then. It is said in the log.

mod http;
mod trail;

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, Request},
    http::{Method, StatusCode},
    response::Response,
};
use roost_records::AppRecord;

use self::trail::Entry;
pub use self::{
    http::routes,
    trail::{OpenError, Trail},
};
use crate::{api::Api, auth::Caller};

/// Longest path that is kept whole.
const MAX_PATH: usize = 300;

/// Put into a response by a handler that knows better than the path what the call was about.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// Said beside the path: the mutation of a GraphQL call.
    pub action: Option<String>,
    pub org: Option<String>,
    pub app: Option<String>,
}

/// A call under way.
pub struct Call {
    entry: Entry,
    changes_something: bool,
    /// Its number, when it is written down already.
    written: Option<u64>,
}

/// How a call went, as its response says.
pub struct Outcome {
    status: StatusCode,
    about: Option<About>,
}

impl Outcome {
    pub fn of(response: &Response) -> Self {
        Self { status: response.status(), about: response.extensions().get::<About>().cloned() }
    }
}

impl Call {
    pub fn of(api: &Api, caller: &Caller, request: &Request) -> Self {
        let entry = entry(api, caller, request);
        Self { entry, changes_something: changes_something(request), written: None }
    }

    /// Writes the call down if it changes something: before it does.
    pub async fn begin(&mut self, api: &Api) {
        if self.changes_something {
            self.written = write(api, &self.entry).await;
        }
    }

    /// Writes down how the call went; one that was not yet written down only if it was refused for want of
    /// a right, or if its handler says that it did something.
    pub async fn end(mut self, api: &Api, outcome: Outcome) {
        let Outcome { status, about } = outcome;
        if let Some(about) = &about {
            self.entry.take(about);
        }
        let acted = about.is_some_and(|about| about.action.is_some());
        if self.written.is_none() && (acted || status == StatusCode::FORBIDDEN) {
            self.written = write(api, &self.entry).await;
        }
        if let Some(id) = self.written
            && let Err(error) = api.trail.finish(id, status.as_u16(), self.entry).await
        {
            tracing::error!(%error, "the result of a call is not in the audit trail");
        }
    }
}

/// Something that happened outside of calls with a token: a login.
pub async fn note(api: &Api, user: &str, method: &str, path: &str, status: u16) {
    let entry = Entry {
        token_name: "browser".to_owned(),
        user: Some(user.to_owned()),
        method: method.to_owned(),
        path: path.to_owned(),
        status: Some(status),
        ..Entry::default()
    };
    write(api, &entry).await;
}

async fn write(api: &Api, entry: &Entry) -> Option<u64> {
    match api.trail.write(entry.clone()).await {
        Ok(id) => Some(id),
        Err(error) => {
            tracing::error!(%error, method = entry.method, path = entry.path, "a call is not in the audit trail");
            None
        }
    }
}

/// GraphQL reads and writes by the same method: its handler says when it was a write. A token of a machine's
/// identity changes nothing, and a machine may ask so often that the trail would hold little else.
fn changes_something(request: &Request) -> bool {
    let path = request.uri().path();
    match *request.method() {
        Method::GET | Method::HEAD | Method::OPTIONS => path.ends_with("/exec-stream"),
        _ => path != "/graphql" && path != "/v1/tokens/oidc",
    }
}

fn entry(api: &Api, caller: &Caller, request: &Request) -> Entry {
    let path = request.uri().path();
    let app = request.extensions().get::<AppRecord>();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let parts: Vec<&str> = path.split('/').collect();
    let after = |name| parts.iter().position(|part| *part == name).and_then(|at| parts.get(at + 1)).copied();
    let known_org = |slug: &str| api.book.org(slug).map(|org| org.slug.clone());
    Entry {
        token_id: caller.tokens().next().map(|token| token.id.to_string()),
        token_name: caller.name.clone(),
        user: caller.user().map(|user| user.email.to_string()),
        from: peer.map(|ConnectInfo(address)| address.ip().to_string()),
        method: request.method().to_string(),
        path: path.chars().take(MAX_PATH).collect(),
        org: app.map(|app| app.org.clone()).or_else(|| after("orgs").and_then(known_org)),
        app: app.map(|app| app.name.to_string()),
        machine: after("machines").filter(|_| app.is_some()).map(str::to_owned),
        ..Entry::default()
    }
}

impl Entry {
    fn take(&mut self, about: &About) {
        if let Some(action) = &about.action {
            self.path = format!("{} {action}", self.path).chars().take(MAX_PATH).collect();
        }
        self.org = about.org.clone().or(self.org.take());
        self.app = about.app.clone().or(self.app.take());
    }
}
