//! Step 5: the request goes to the machine, and the head of the answer comes back.

use std::{mem, sync::Arc};

use http::{
    HeaderName, HeaderValue, Method, Request, Response, Uri, Version, header, request,
    uri::{Authority, Scheme},
};
use roost_model::{HttpOptions, MachineId};
use roost_routing::{Route, replay::Transform};

use crate::{
    backend::{Backend, SendError},
    client_body::ClientBody,
    connect::{Connected, Wire},
    failure::{Code, Failure},
    framing,
    headers::Added,
    hints::Hints,
    in_time::{Looks, within},
    limits::{ANSWER_TIMEOUT, IDLE_CONNECTION, SURELY_OPEN},
    request_body::{RequestBody, Room, Upload},
    slow::SlowClients,
};

/// A request that is ready to be sent, more than once if need be.
pub(crate) struct Outgoing<'a> {
    head: request::Parts,
    beside: Beside<'a>,
    /// Taken when it is sent; comes back if nothing of it was.
    body: Option<RequestBody>,
    /// Absent where the body is empty.
    upload: Option<Upload>,
    upgrades: bool,
    /// To send it twice does no harm.
    repeatable: bool,
    /// The machine has no such file among those that it serves itself.
    past_statics: bool,
}

/// What goes with the head of a request.
pub(crate) struct Beside<'a> {
    /// Fields that are not among the head's own.
    pub added: Option<Added<'a>>,
    pub looks: Looks,
    /// For what the app says before its answer, where the client can be told.
    pub hints: Option<&'a Hints>,
}

const PREFERRED_UNAVAILABLE: HeaderName = HeaderName::from_static("fly-preferred-instance-unavailable");

/// How an attempt went.
pub(crate) enum Sent {
    Answered(Response<()>, Backend),
    /// The connection was closed before the app saw the request: it may be sent again.
    Again(Failure),
}

impl<'a> Outgoing<'a> {
    /// `head` with the headers that the app shall see, but for what goes beside it.
    pub fn new(mut head: request::Parts, beside: Beside<'a>, body: ClientBody, room: &Arc<Room>) -> Self {
        let (body, upload) = RequestBody::new(body, room);
        if upload.is_some() && head.version == Version::HTTP_11 {
            framing::announce_chunks(&mut head.headers);
        }
        let upgrades = roost_wire::fields::upgrade(&head.headers).is_some();
        let repeatable = !upgrades && is_idempotent(&head.method);
        let body = Some(body);
        Self { head, beside, body, upload, upgrades, repeatable, past_statics: false }
    }

    pub fn head(&self) -> &request::Parts {
        &self.head
    }

    /// Makes what the edge has added a part of the head, as apps' rules and wishes see it.
    pub fn add_all(&mut self) {
        if let Some(added) = self.beside.added.take() {
            added.insert_into(&mut self.head.headers);
        }
    }

    pub fn set_head(&mut self, head: request::Parts) {
        self.head = head;
    }

    /// Sets a header of the platform's own, or removes it.
    pub fn set(&mut self, name: HeaderName, value: Option<HeaderValue>) {
        match value {
            Some(value) => drop(self.head.headers.insert(name, value)),
            None => drop(self.head.headers.remove(name)),
        }
    }

    /// Tells the app that the machine it, or its client, would have preferred could not be had.
    pub fn tell_unavailable(&mut self, preferred: Option<&MachineId>) {
        if let Some(id) = preferred {
            self.set(PREFERRED_UNAVAILABLE, HeaderValue::from_str(id.as_str()).ok());
        }
    }

    /// Changes the request as an app wants it that sends it elsewhere.
    pub fn transform(&mut self, transform: &Transform) {
        transform.change_headers(&mut self.head.headers);
        if let Some(path) = &transform.path {
            self.head.uri = path.clone().into();
        }
    }

    /// Whether it asks for a file that a machine with this route may serve without the app.
    pub fn may_be_static(&self, route: &Route) -> bool {
        let reads = matches!(self.head.method, Method::GET | Method::HEAD);
        !self.past_statics
            && reads
            && !self.upgrades
            && self.upload.is_none()
            && route.may_be_static(self.head.uri.path())
    }

    /// The machine has no such file: the app may.
    pub fn ask_the_app(&mut self) {
        self.past_statics = true;
    }

    /// Makes it ready for another machine, from the beginning; false when its body was too large to be kept.
    pub fn begin_again(&mut self) -> bool {
        self.head.headers.remove(PREFERRED_UNAVAILABLE);
        self.past_statics = false;
        self.rewind()
    }

    /// Its body from the beginning; false when that was not kept.
    fn rewind(&mut self) -> bool {
        self.body = match &self.upload {
            None => Some(RequestBody::Empty),
            Some(upload) => upload.again(),
        };
        self.body.is_some()
    }

    /// It will not be sent again.
    pub fn keep_no_longer(&self) {
        if let Some(upload) = &self.upload {
            upload.keep_no_longer();
        }
    }

    /// How it is sent to an app that speaks HTTP/2, or does not. Protocols are switched by HTTP/1.1 alone. A
    /// connection of its kind that was kept may turn out to be closed: what can not be sent again then, or perhaps not,
    /// takes one that was used a moment ago.
    pub fn wire(&self, app_speaks_h2: bool) -> Wire {
        if app_speaks_h2 && !self.upgrades {
            return Wire::Http2;
        }
        Wire::Http1(if self.repeatable && self.upload.is_none() { IDLE_CONNECTION } else { SURELY_OPEN })
    }

    /// Sends over `connected`. Fails where the request may have reached the app. The answer may take as long as an
    /// answer may, or until nothing has moved for the idle timeout of `options`, which are its port's; the rest of the
    /// body as long as a client may take.
    pub async fn send(
        &mut self,
        connected: Connected,
        slow: SlowClients,
        options: &HttpOptions,
    ) -> Result<Sent, Failure> {
        let Connected { mut backend, reused } = connected;
        let body = self.body.take().unwrap_or(RequestBody::Empty);
        if matches!(backend, Backend::Http2(_)) {
            self.add_all();
        }
        let idle = options.idle_timeout();
        let limit = idle.unwrap_or(ANSWER_TIMEOUT);
        let upload = self.upload.as_ref().map(|upload| (upload, slow.or_as_patient_as(idle)));
        let Beside { added, looks, hints } = &self.beside;
        let hints = hints.map(|hints| hints.of_app(options));
        let answered = match &mut backend {
            Backend::Http1(connection) => {
                let answer = connection.send(&self.head, added.as_ref(), body, hints);
                within(limit, *looks, upload, answer).await?.map_err(SendError::Failed)
            }
            // Boxed: it is large, and rare.
            Backend::Http2(stream) => {
                let head = http2_form(self.head.clone())?;
                // Its servers begin an answer with their first message, and clients wait for that.
                let patience = is_grpc(&head).then_some(limit);
                let upload = upload.map(|(upload, slow)| (upload, slow.or_as_patient_as(patience)));
                let answer = stream.send(Request::from_parts(head, body), hints);
                Box::pin(within(limit, *looks, upload, answer)).await?
            }
        };
        match answered {
            Ok(response) => Ok(Sent::Answered(response, backend)),
            Err(SendError::Unsent(body)) => {
                self.body = Some(body);
                Ok(Sent::Again(Code::NoAnswer.into()))
            }
            // A kept connection that the app closed in the same moment: it never read the request.
            Err(SendError::Failed(error))
                if reused && self.repeatable && error.was_closed() && self.rewind() =>
            {
                Ok(Sent::Again(Code::NoAnswer.into()))
            }
            Err(SendError::Failed(error)) => Err(error.into()),
        }
    }
}

fn is_grpc(head: &request::Parts) -> bool {
    let kind = head.headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// `Host` becomes the authority (RFC 9113, section 8.3.1), and streams end without chunks. The scheme is that of
/// the wire.
fn http2_form(mut head: request::Parts) -> Result<request::Parts, Failure> {
    head.headers.remove(header::TRANSFER_ENCODING);
    let host = head.headers.remove(header::HOST).ok_or(Code::BadHost)?;
    let mut uri = mem::take(&mut head.uri).into_parts();
    uri.authority = Some(Authority::try_from(host.as_bytes()).map_err(|_| Code::BadHost)?);
    uri.scheme = Some(Scheme::HTTP);
    head.uri = Uri::from_parts(uri).map_err(|_| Code::BadTarget)?;
    head.version = Version::HTTP_2;
    Ok(head)
}

/// Doing it twice is as good as once (RFC 9110, section 9.2.2).
fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    )
}
