//! The path of one request, step by step.

use std::{panic::AssertUnwindSafe, sync::Arc, thread, time::Duration};

use futures::FutureExt as _;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header, request::Parts};
use http_body_util::Full;
use roost_model::{AppName, HttpOptions};
use roost_routing::{Over, Target};
use roost_wire::{cookie, fields};
use tracing::{error, info};

use crate::{
    admission,
    backend::Backend,
    client::Client,
    client_body::ClientBody,
    compress,
    context::Edge,
    date, destination, dress,
    exchange::Answered,
    failure::{Code, Failure},
    forward::{Beside, Outgoing},
    framing,
    headers::{self, RequestId},
    hints::Hints,
    in_time::Looks,
    permit::Permit,
    replay::Trip,
    respond::{AnswerBody, AppBody},
    route::Journey,
    upgrade::{self, ClientEnd},
    websocket::Extended,
    well_known,
};

/// Answers one request: with what the app says, or with why it could not be asked. What the app says before goes to
/// `hints`, where its client can be told.
pub(crate) async fn handle(
    edge: &Arc<Edge>,
    client: &Client,
    request: Request<ClientBody>,
    hints: Option<&Hints>,
) -> Response<AnswerBody> {
    let id = RequestId::generate(&edge.config.region);
    let asked_over = request.version();
    let served = AssertUnwindSafe(serve(edge, client, &id, request, hints)).catch_unwind().await;
    let (mut response, is_cut) = match caught(served) {
        Ok(response) => (response, false),
        Err(failure) => {
            info!(request = id.as_str(), code = failure.code.as_str(), detail = failure.detail, "not served");
            (failure.response().map(AnswerBody::Own), failure.code == Code::UploadTimeout)
        }
    };
    let version = response.version();
    let options = response.extensions_mut().remove::<Arc<HttpOptions>>();
    let options = options.as_ref().and_then(|options| options.response.as_ref());
    headers::to_client(response.headers_mut(), asked_over);
    if options.is_none_or(|options| options.pristine != Some(true)) {
        headers::add_own(response.headers_mut(), &id, version);
    }
    response.headers_mut().entry(header::DATE).or_insert_with(date::now);
    if let (Some(alternative), Some(_), false) = (&edge.alternative, &client.tls, client.is_inside()) {
        response.headers_mut().entry(header::ALT_SVC).or_insert_with(|| alternative.clone());
    }
    if let Some(options) = options {
        dress::apply(&options.headers, response.headers_mut());
    }
    let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let ends = is_cut || edge.config.handover.limit().is_some() || client.is_turned_away();
    if ends && asked_over < Version::HTTP_2 && !switches {
        // The next request, if there is one, goes to the process that has taken over, or needs another place.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    *response.version_mut() = Version::HTTP_11;
    response
}

async fn serve(
    edge: &Arc<Edge>,
    client: &Client,
    id: &RequestId,
    mut request: Request<ClientBody>,
    hints: Option<&Hints>,
) -> Result<Response<AnswerBody>, Failure> {
    let extended = Extended::translate(&mut request);
    let upgrade = fields::upgrade(request.headers()).map(|_| ClientEnd::of(&mut request));
    let (mut head, body) = request.into_parts();
    let host = host(&mut head)?;
    if let Some(answer) = well_known::challenge(edge, &head) {
        return Ok(answer.map(AnswerBody::Own));
    }
    let app = app(edge, client, &host)?;
    if let Some(app) = edge.catalog.load().app(&app) {
        admission::enter(edge, Over::Http, app, client)
            .inspect_err(|failure| edge.not_served(&app.name, Some(id), Duration::ZERO, failure))?;
        if let Some(answer) = well_known::to_https(edge, client, app, &head) {
            return Ok(answer.map(AnswerBody::Own));
        }
    }
    let journey = Journey::new(edge, app, client.public_port, headers::steering(&head.headers));
    let added = headers::to_app(&mut head.headers, edge, client, id, head.version);
    let looks = Looks::of(head.version);
    if looks == Looks::WhenWoken {
        cookie::join(&mut head.headers);
        head.version = Version::HTTP_11;
    }
    let asks = compress::Asks::of(&head);
    let outgoing = Outgoing::new(head, Beside { added, looks, hints }, body, &edge.room);
    let mut trip = Trip::new(edge, client, journey, outgoing);
    let answered = trip.answer(id).await?;
    let Answered { response, backend, permit, options, .. } = answered;
    let (mut head, ()) = response.into_parts();
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        let (app, target) = (permit.app().clone(), permit.target().clone());
        let switched = switch(edge, head, backend, permit, upgrade, extended, options);
        return switched.inspect_err(|failure| told(edge, &app, &target, failure));
    }
    if let Some(extended) = extended {
        extended.declined(&head).inspect_err(|failure| told(edge, permit.app(), permit.target(), failure))?;
    }
    let body = AppBody::new(edge, backend, permit, options.idle_timeout());
    let encoder = match options.compress {
        Some(true) => compress::apply(&mut head, &body, &asks),
        _ => None,
    };
    if options.response.is_some() {
        head.extensions.insert(options);
    }
    Ok(Response::from_parts(head, AnswerBody::of(body, encoder)))
}

/// A panic, which is an error of the edge's own, ends its request alone: others may share its connection.
fn caught<T>(served: thread::Result<Result<T, Failure>>) -> Result<T, Failure> {
    served.unwrap_or_else(|_| {
        error!("a request could not be served: the edge panicked");
        Err(Code::Internal.into())
    })
}

/// Tells the owner of an app that it answered, and that its answer was of no use.
fn told(edge: &Edge, app: &AppName, target: &Target, failure: &Failure) {
    edge.app_log.tell(app, Some(&target.id), format!("not served: {failure}"));
}

/// The app that the request is for.
fn app(edge: &Edge, client: &Client, host: &str) -> Result<AppName, Failure> {
    let app = client.app.clone().or_else(|| destination::app_of_host(edge, host));
    app.ok_or_else(|| {
        let base_domain = &edge.config.base_domain;
        let detail = format!(
            "\"{host}\" is no name of an app's own, nor of the form <app>.{base_domain}; or its app is there for private networks alone."
        );
        Failure::new(Code::UnknownApp, detail)
    })
}

/// The one `Host` that the request names; leaves `head` in the form that apps expect.
fn host(head: &mut Parts) -> Result<String, Failure> {
    if head.method == Method::CONNECT {
        return Err(Code::BadTarget.into());
    }
    framing::check(head)?;
    to_origin_form(head)?;
    let mut hosts = head.headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(Code::BadHost.into()) };
    let host = host.to_str().map_err(|_| Code::BadHost)?;
    framing::check_host(host)?;
    Ok(host.to_owned())
}

/// `GET http://name/path` becomes `GET /path` with that name as `Host` (RFC 9112, section 3.2.2).
fn to_origin_form(head: &mut Parts) -> Result<(), Failure> {
    let Some(authority) = head.uri.authority() else { return Ok(()) };
    let host = authority.as_str().parse().map_err(|_| Code::BadHost)?;
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let origin = path.parse::<Uri>().map_err(|_| Code::BadTarget)?;
    head.headers.insert(header::HOST, host);
    head.uri = origin;
    Ok(())
}

/// Passes the app's consent on, and carries the new protocol from then on.
fn switch(
    edge: &Arc<Edge>,
    mut head: http::response::Parts,
    backend: Backend,
    permit: Permit,
    upgrade: Option<ClientEnd>,
    extended: Option<Extended>,
    options: Arc<HttpOptions>,
) -> Result<Response<AnswerBody>, Failure> {
    let Some(client) = upgrade else {
        return Err(Failure::new(Code::BadAnswer, "It switched protocols without being asked."));
    };
    let protocol = upgrade::Protocol::of(&head.headers);
    extended.map_or(Ok(()), |extended| extended.agreed(&mut head))?;
    edge.tasks.spawn(upgrade::tunnel(
        edge.clone(),
        protocol,
        client,
        backend,
        permit,
        options.idle_timeout(),
    ));
    Ok(Response::from_parts(head, AnswerBody::Own(Full::default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_failure_of_its_request() {
        let served = AssertUnwindSafe(async { panic!("as planned") }).catch_unwind().await;
        let failure = caught::<()>(served).unwrap_err();
        assert_eq!((failure.code.as_str(), failure.code.status().as_u16()), ("E501", 500));
    }
}
