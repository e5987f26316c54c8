//! The headers that the edge takes away, changes and adds.
//!
//! To the app: `Fly-Client-IP`, `Fly-Forwarded-Port`, `Fly-Region`, `Fly-Request-Id`,
//! `X-Forwarded-For` (client, then the address that it reached, behind what the client sent),
//! `X-Forwarded-Proto`, `-Port` (the client's own is kept) and `-SSL`, `Via`. A client's copies of
//! those that apps trust are removed. To the client: `Fly-Request-Id`, `Via`, and `Server` where the
//! app sends none.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Version,
    header::{self, Entry},
};
use roost_model::Region;
use roost_routing::{Place, Steering};
use roost_wire::fields;
use ulid::Ulid;

use crate::{client::Client, context::Edge};

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("fly-request-id");
const CLIENT_IP: HeaderName = HeaderName::from_static("fly-client-ip");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("fly-forwarded-port");
const REGION: HeaderName = HeaderName::from_static("fly-region");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_SSL: HeaderName = HeaderName::from_static("x-forwarded-ssl");

/// Set by the platform alone: a client's copies would be lies. Those that are always set are
/// overwritten anyway.
const TRUSTED: [HeaderName; 4] = [
    HeaderName::from_static("fly-replay-src"),
    HeaderName::from_static("fly-replay-failed"),
    HeaderName::from_static("fly-replay-cache-status"),
    HeaderName::from_static("fly-preferred-instance-unavailable"),
];

/// Most fields that are added to a request.
const ADDED: usize = 12;

/// What all requests of one connection say of it.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    client_ip: HeaderValue,
    /// Client, then the address that it reached.
    forwarded_for: HeaderValue,
    port: HeaderValue,
}

impl Told {
    pub fn of(client: &Client) -> Self {
        let (peer, local) = (client.peer.ip(), client.local.ip());
        Self {
            client_ip: text(peer),
            forwarded_for: text(format_args!("{peer}, {local}")),
            port: client.local.port().into(),
        }
    }
}

/// Id of one request, for logs on both sides.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    pub fn generate(region: &Region) -> Self {
        let mut ulid = [0; ulid::ULID_LEN];
        let ulid = Ulid::generate().array_to_str(&mut ulid);
        let text = Bytes::from([ulid, region.as_str()].join("-"));
        let value = HeaderValue::from_maybe_shared(text);
        let mut value = value.unwrap_or_else(|_| HeaderValue::from_static("invalid"));
        // No secret, but never the same again: over HTTP/2 it is kept out of the table of fields.
        value.set_sensitive(true);
        Self(value)
    }

    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// Makes the headers of a request those that the app shall see. `version` is the client's.
pub(crate) fn to_app(
    headers: &mut HeaderMap,
    edge: &Edge,
    client: &Client,
    id: &RequestId,
    version: Version,
) {
    headers.reserve(ADDED);
    let upgrade = fields::upgrade(headers);
    fields::remove_hop_by_hop(headers);
    TRUSTED.iter().for_each(|name| drop(headers.remove(name)));
    if let Some(protocol) = upgrade {
        headers.insert(header::UPGRADE, protocol);
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
    let told = client.told();
    fields::append(headers, X_FORWARDED_FOR, told.forwarded_for.clone());
    headers.insert(CLIENT_IP, told.client_ip.clone());
    headers.insert(FORWARDED_PORT, told.port.clone());
    headers.insert(REGION, edge.region.clone());
    headers.insert(REQUEST_ID, id.0.clone());
    let (scheme, ssl) = if client.tls.is_some() { ("https", "on") } else { ("http", "off") };
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(scheme));
    headers.insert(X_FORWARDED_SSL, HeaderValue::from_static(ssl));
    if let Entry::Vacant(port) = headers.entry(X_FORWARDED_PORT) {
        port.insert(told.port.clone());
    }
    fields::append(headers, header::VIA, HeaderValue::from_static(via(version)));
}

/// Makes the headers of an answer those that the client shall see, as far as they are of this connection. `version` is
/// the client's.
pub(crate) fn to_client(headers: &mut HeaderMap, version: Version) {
    let upgrade = fields::upgrade(headers).filter(|_| version < Version::HTTP_2);
    fields::remove_hop_by_hop(headers);
    if let Some(protocol) = upgrade {
        headers.insert(header::UPGRADE, protocol);
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
}

/// Makes the headers of a hint those that a client of HTTP/2 or later shall see.
pub(crate) fn hint_to_client(headers: &mut HeaderMap) {
    to_client(headers, Version::HTTP_2);
    // There is no body (RFC 9110, section 8.6), and the id is the edge's to say.
    [header::CONTENT_LENGTH, REQUEST_ID].iter().for_each(|name| drop(headers.remove(name)));
}

/// Adds to an answer what the edge says of itself. `version` is the app's.
pub(crate) fn add_own(headers: &mut HeaderMap, id: &RequestId, version: Version) {
    headers.insert(REQUEST_ID, id.0.clone());
    fields::append(headers, header::VIA, HeaderValue::from_static(via(version)));
    headers.entry(header::SERVER).or_insert(HeaderValue::from_static("roost"));
}

/// What the client's `fly-prefer-…` and `fly-force-…` headers ask for; what cannot be read is ignored.
pub(crate) fn steering(headers: &HeaderMap) -> Steering {
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let regions = |name| {
        let list = value(name).unwrap_or_default();
        list.split(',').filter_map(|region| region.trim().parse::<Place>().ok()).collect()
    };
    Steering {
        force_instance: value("fly-force-instance-id").and_then(|id| id.trim().parse().ok()),
        prefer_instance: value("fly-prefer-instance-id").and_then(|id| id.trim().parse().ok()),
        force_regions: regions("fly-force-region"),
        prefer_regions: regions("fly-prefer-region"),
        elsewhere_than: None,
    }
}

/// The version in which a message came to the edge (RFC 9110, section 7.6.3).
fn via(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0 roost",
        Version::HTTP_2 => "2 roost",
        Version::HTTP_3 => "3 roost",
        _ => "1.1 roost",
    }
}

fn text(value: impl ToString) -> HeaderValue {
    HeaderValue::from_str(&value.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
}
