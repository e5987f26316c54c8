//! Early hints (103), and what else an app says before its answer, on their way to a client of HTTP/2 or HTTP/3. Over
//! HTTP/1.1 nothing comes before the answer: hyper can not send it.
//!
//! There is no channel. Whoever moves a request finds after each turn what its app has said in it. `100` is not among
//! that: the edge itself tells a client to go ahead.

use std::{
    mem,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use http::{HeaderMap, Response, StatusCode};
use roost_model::{HttpOptions, http_options::HeaderRules};

use crate::{dress, headers, limits::MAX_HINTS};

/// What one costs beside its fields, and each of those beside its bytes: many small ones shall not be cheap.
const COST: usize = 32;

/// What a request's client is to be told before the answer, whichever apps the request comes to.
#[derive(Debug, Default)]
pub(crate) struct Hints {
    /// There is something: looking costs nothing where there is not.
    waiting: AtomicBool,
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    heads: Vec<Response<()>>,
    /// Of all that the client was told, too.
    cost: usize,
}

/// Where the hints of one app go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hinting<'a> {
    hints: &'a Hints,
    rules: Option<&'a HeaderRules>,
}

impl Hints {
    /// For the app on whose port these options are.
    pub fn of_app<'a>(&'a self, options: &'a HttpOptions) -> Hinting<'a> {
        Hinting { hints: self, rules: options.response.as_ref().map(|response| &response.headers) }
    }

    pub fn are_waiting(&self) -> bool {
        self.waiting.load(Ordering::Acquire)
    }

    /// What was said since the last time.
    pub fn take(&self) -> Vec<Response<()>> {
        if !self.are_waiting() {
            return Vec::new();
        }
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.store(false, Ordering::Release);
        mem::take(&mut said.heads)
    }

    /// Without a word once it is too much: nobody depends on hints.
    fn add(&self, head: Response<()>) {
        let fields = head.headers().iter();
        let cost = COST + fields.map(|(name, value)| name.as_str().len() + value.len() + COST).sum::<usize>();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.cost + cost <= MAX_HINTS {
            said.cost += cost;
            said.heads.push(head);
            self.waiting.store(true, Ordering::Release);
        }
    }
}

impl Hinting<'_> {
    /// The app says so before its answer.
    pub fn say(self, status: StatusCode, mut headers: HeaderMap) {
        // HTTP/2 has no switch of protocols.
        if matches!(status, StatusCode::CONTINUE | StatusCode::SWITCHING_PROTOCOLS) {
            return;
        }
        headers::hint_to_client(&mut headers);
        if let Some(rules) = self.rules {
            dress::withhold(rules, &mut headers);
        }
        let mut head = Response::new(());
        *head.status_mut() = status;
        *head.headers_mut() = headers;
        self.hints.add(head);
    }
}
