//! Answers that the edge gives in an app's place: to authorities that check a name (RFC 8555, section 8.3),
//! and to clients that ought to come back encrypted.

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header, request::Parts};
use http_body_util::Full;
use roost_catalog::AppEntry;
use roost_records::ChallengeKind;

use crate::{client::Client, context::Edge, destination};

const CHALLENGE_PATH: &str = "/.well-known/acme-challenge/";

/// What an authority wants to read, if the request asks for exactly what an order waits for.
pub(crate) fn challenge(edge: &Edge, head: &Parts) -> Option<Response<Full<Bytes>>> {
    let token = head.uri.path().strip_prefix(CHALLENGE_PATH)?;
    let host = roost_routing::bare_host(head.headers.get(header::HOST)?.to_str().ok()?);
    let snapshot = edge.catalog.load();
    let challenge = snapshot.challenge(&host)?;
    if challenge.kind != ChallengeKind::Http || challenge.token != token {
        return None;
    }
    let mut response = Response::new(Full::from(challenge.key_authorization.clone()));
    let kind = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Some(response)
}

/// Sends a client that came without TLS to the same place with it, where the service wants that.
pub(crate) fn to_https(
    edge: &Edge,
    client: &Client,
    app: &AppEntry,
    head: &Parts,
) -> Option<Response<Full<Bytes>>> {
    let https_port = edge.https_port?;
    // Between machines there is nobody to hide from, and no certificate for the name that they use.
    if client.tls.is_some() || client.is_inside() || !destination::port(app, client.public_port)?.force_https
    {
        return None;
    }
    let host = roost_routing::bare_host(head.headers.get(header::HOST)?.to_str().ok()?);
    // Nobody is sent where the browser warns of us: before the certificate is there, or on a box of one's own.
    edge.tls.certificates().find(&host)?;
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let place = match https_port {
        443 => format!("https://{host}{path}"),
        port => format!("https://{host}:{port}{path}"),
    };
    let mut response = Response::new(Full::default());
    // 308 says that the method stays; for GET and HEAD it stays anyway, and 301 is what people expect.
    *response.status_mut() = match head.method {
        Method::GET | Method::HEAD => StatusCode::MOVED_PERMANENTLY,
        _ => StatusCode::PERMANENT_REDIRECT,
    };
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_str(&place).ok()?);
    Some(response)
}
