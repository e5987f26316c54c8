//! Step 5: the request goes to the machine, and the head of the answer comes back.

use std::time::Duration;

use http::{Method, Request, Response, Version, request};
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::{
    backend::{Backend, SendError},
    connect::{Connected, Reuse},
    failure::{Code, Failure},
    framing,
    limits::ANSWER_TIMEOUT,
    request_body::{Progress, RequestBody},
};

/// A request that is ready to be sent, more than once if need be.
pub(crate) struct Outgoing {
    head: request::Parts,
    /// Taken when it is sent; comes back if nothing of it was.
    body: Option<RequestBody>,
    progress: Progress,
    repeatable: bool,
}

/// How an attempt went.
pub(crate) enum Sent {
    Answered(Response<Incoming>, Box<Backend>),
    /// The connection was closed before the app saw the request: it may be sent again.
    Again(Failure),
}

impl Outgoing {
    /// `head` with the headers that the app shall see.
    pub fn new(mut head: request::Parts, body: Incoming) -> Self {
        let progress = Progress::default();
        let body = RequestBody::new(body, &progress);
        let empty = matches!(body, RequestBody::Empty);
        if !empty && head.version == Version::HTTP_11 {
            framing::announce_chunks(&mut head.headers);
        }
        let upgrades = crate::headers::upgrade(&head.headers).is_some();
        let repeatable = empty && !upgrades && is_idempotent(&head.method);
        Self { head, body: Some(body), progress, repeatable }
    }

    /// Whether a kept connection, which may turn out to be closed, is good enough.
    pub fn reuse(&self) -> Reuse {
        if self.repeatable { Reuse::Kept } else { Reuse::New }
    }

    /// Sends over `connected`. Fails where the request may have reached the app.
    pub async fn send(&mut self, connected: Connected) -> Result<Sent, Failure> {
        let Connected { mut backend, reused } = connected;
        let body = self.body.take().unwrap_or(RequestBody::Empty);
        let request = Request::from_parts(self.head.clone(), body);
        match answer(&mut backend, request, &self.progress, ANSWER_TIMEOUT).await? {
            Ok(response) => Ok(Sent::Answered(response, Box::new(backend))),
            Err(SendError::Unsent(request)) => {
                self.body = Some(request.into_body());
                Ok(Sent::Again(Code::NoAnswer.into()))
            }
            // A kept connection that the app closed in the same moment: it never read the request.
            Err(SendError::Broken(error)) if reused && self.repeatable && was_closed(&error) => {
                Ok(Sent::Again(Code::NoAnswer.into()))
            }
            Err(SendError::Broken(error)) => Err(failure(&error)),
        }
    }
}

/// The answer, unless neither it nor any progress of the upload comes within `limit`.
async fn answer(
    backend: &mut Backend,
    request: Request<RequestBody>,
    progress: &Progress,
    limit: Duration,
) -> Result<Result<Response<Incoming>, SendError>, Failure> {
    let mut answer = Box::pin(backend.send(request));
    loop {
        let before = progress.pieces();
        match timeout(limit, &mut answer).await {
            Ok(answer) => return Ok(answer),
            Err(_) if progress.pieces() > before => {}
            Err(_) => return Err(Code::AnswerTimeout.into()),
        }
    }
}

/// Doing it twice is as good as once (RFC 9110, section 9.2.2).
fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    )
}

/// Closed without a byte of an answer.
fn was_closed(error: &hyper::Error) -> bool {
    error.is_incomplete_message() || error.is_canceled() || error.is_closed() || is_io(error)
}

fn is_io(error: &hyper::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}

fn failure(error: &hyper::Error) -> Failure {
    let code = match error {
        error if error.is_user() || error.is_body_write_aborted() => Code::BodyBroken,
        error if error.is_parse() => Code::BadAnswer,
        _ => Code::NoAnswer,
    };
    Failure::new(code, format!("{error}."))
}
