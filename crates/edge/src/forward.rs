//! Step 5: the request goes to the machine, and the head of the answer comes back.

use std::{error::Error as _, mem, time::Duration};

use h2::Reason;
use http::{
    Method, Request, Response, Uri, Version, header, request,
    uri::{Authority, Scheme},
};
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::{
    backend::{Backend, SendError},
    connect::{Connected, Reuse, Wire},
    failure::{Code, Failure},
    framing,
    limits::ANSWER_TIMEOUT,
    request_body::{Progress, RequestBody},
};

/// What to do about an app that answers nonsense.
const NOT_HTTP2: &str = "With h2_backend = true it must speak HTTP/2 without TLS, by prior knowledge.";

/// A request that is ready to be sent, more than once if need be.
pub(crate) struct Outgoing {
    head: request::Parts,
    /// Taken when it is sent; comes back if nothing of it was.
    body: Option<RequestBody>,
    progress: Progress,
    upgrades: bool,
    repeatable: bool,
}

/// How an attempt went.
pub(crate) enum Sent {
    Answered(Response<Incoming>, Backend),
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
        Self { head, body: Some(body), progress, upgrades, repeatable }
    }

    /// How it is sent to an app that speaks HTTP/2, or does not. Protocols are switched by HTTP/1.1 alone; a
    /// connection of its kind that was kept may turn out to be closed.
    pub fn wire(&self, app_speaks_h2: bool) -> Wire {
        if app_speaks_h2 && !self.upgrades {
            return Wire::Http2;
        }
        Wire::Http1(if self.repeatable { Reuse::Kept } else { Reuse::New })
    }

    /// Sends over `connected`. Fails where the request may have reached the app.
    pub async fn send(&mut self, connected: Connected) -> Result<Sent, Failure> {
        let Connected { mut backend, reused } = connected;
        let body = self.body.take().unwrap_or(RequestBody::Empty);
        let mut head = self.head.clone();
        if matches!(backend, Backend::Http2(_)) {
            to_http2_form(&mut head)?;
        }
        let request = Request::from_parts(head, body);
        match answer(&mut backend, request, &self.progress, ANSWER_TIMEOUT).await? {
            Ok(response) => Ok(Sent::Answered(response, backend)),
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

/// `Host` becomes the authority (RFC 9113, section 8.3.1), and streams end without chunks. The scheme is that of
/// the wire.
fn to_http2_form(head: &mut request::Parts) -> Result<(), Failure> {
    head.headers.remove(header::TRANSFER_ENCODING);
    let host = head.headers.remove(header::HOST).ok_or(Code::BadHost)?;
    let mut uri = mem::take(&mut head.uri).into_parts();
    uri.authority = Some(Authority::try_from(host.as_bytes()).map_err(|_| Code::BadHost)?);
    uri.scheme = Some(Scheme::HTTP);
    head.uri = Uri::from_parts(uri).map_err(|_| Code::BadTarget)?;
    head.version = Version::HTTP_2;
    Ok(())
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
    error.is_incomplete_message()
        || error.is_canceled()
        || error.is_closed()
        || error.source().is_some_and(|source| source.is::<std::io::Error>())
        || of_http2(error).is_some_and(left_unserved)
}

/// By GOAWAY, for the stream came too late, or by a reset that says so (RFC 9113, section 8.7).
fn left_unserved(error: &h2::Error) -> bool {
    error.is_io()
        || error.is_remote() && (error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM))
}

fn of_http2(error: &hyper::Error) -> Option<&h2::Error> {
    error.source()?.downcast_ref()
}

fn failure(error: &hyper::Error) -> Failure {
    if error.is_user() || error.is_body_write_aborted() {
        return Failure::new(Code::BodyBroken, format!("{error}."));
    }
    if error.is_parse() {
        return Failure::new(Code::BadAnswer, format!("{error}."));
    }
    match of_http2(error) {
        Some(error) if error.is_library() => Failure::new(Code::BadAnswer, format!("{error}. {NOT_HTTP2}")),
        Some(error) => Failure::new(Code::NoAnswer, format!("{error}.")),
        None => Failure::new(Code::NoAnswer, format!("{error}.")),
    }
}
