//! Who is signed in in a browser: by a cookie, which stands for a token that was pasted once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderMap, HeaderValue};
use roost_records::TokenRecord;
use tokio::time::Instant;

use super::pending::random;
use crate::auth::{Book, hash};

/// A working day.
const LIFE: Duration = Duration::from_secs(12 * 3600);

/// Sessions at a time; past this, the oldest one ends.
const MAX_SESSIONS: usize = 1000;

const COOKIE: &str = "roost_session";

#[derive(Default)]
pub struct BrowserSessions {
    /// By the hash of the cookie.
    open: Mutex<HashMap<String, Session>>,
}

struct Session {
    /// Hash of the token: good as long as the token is.
    token: String,
    began: Instant,
}

impl BrowserSessions {
    /// Signs in; the cookie to set.
    pub fn begin(&self, token: &str, secure: bool) -> Option<HeaderValue> {
        let secret = random();
        let mut open = self.lock();
        open.retain(|_, session| session.began.elapsed() < LIFE);
        if open.len() >= MAX_SESSIONS
            && let Some(oldest) = open.iter().min_by_key(|(_, s)| s.began).map(|(id, _)| id.clone())
        {
            open.remove(&oldest);
        }
        open.insert(hash(&secret), Session { token: hash(token), began: Instant::now() });
        let secure = if secure { "; Secure" } else { "" };
        let life = LIFE.as_secs();
        let cookie =
            format!("{COOKIE}={secret}; Path=/auth; Max-Age={life}; HttpOnly; SameSite=Strict{secure}");
        HeaderValue::from_str(&cookie).ok()
    }

    /// Whose token the browser's cookie stands for.
    pub fn signed_in(&self, headers: &HeaderMap, book: &Book) -> Option<Arc<TokenRecord>> {
        let open = self.lock();
        let session = open.get(&hash(cookie(headers)?)).filter(|session| session.began.elapsed() < LIFE)?;
        book.token_of_hash(&session.token)
    }

    pub fn end(&self, headers: &HeaderMap) {
        if let Some(cookie) = cookie(headers) {
            self.lock().remove(&hash(cookie));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bound to the browser's session and to what is answered: another site cannot know it. Without a session
/// the form itself holds the credential, and needs none.
pub fn form_key(headers: &HeaderMap, login: &str) -> String {
    hash(&format!("{}:{login}", cookie(headers).unwrap_or_default()))
}

/// Whether a form was sent by a page of this server.
pub fn is_own_form(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text("host").unwrap_or_default();
    let own_origin = text("origin").is_none_or(|origin| {
        origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
    });
    let same_site = text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    own_origin && same_site
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    roost_wire::cookie::find(headers, COOKIE)
}
