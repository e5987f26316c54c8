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
use ulid::Ulid;

use crate::{client::Client, context::Edge, framing};

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

/// Of one connection, not of the message (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 5] = [
    header::CONNECTION,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TRANSFER_ENCODING,
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
        Self(value.unwrap_or_else(|_| HeaderValue::from_static("invalid")))
    }

    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// The protocol that the message wants its connection to be switched to. Only where `Connection`
/// names `upgrade` does the `Upgrade` header mean anything. HTTP/2 is not offered to apps in this way: requests
/// inside would pass the edge by, with whatever headers their client likes.
pub(crate) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    connection_options(headers)
        .any(|option| option.eq_ignore_ascii_case("upgrade"))
        .then(|| headers.get(header::UPGRADE).cloned())
        .flatten()
        .filter(|protocol| !protocol.as_bytes().to_ascii_lowercase().starts_with(b"h2"))
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
    let upgrade = upgrade(headers);
    remove_hop_by_hop(headers);
    TRUSTED.iter().for_each(|name| drop(headers.remove(name)));
    if let Some(protocol) = upgrade {
        headers.insert(header::UPGRADE, protocol);
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
    let told = client.told();
    append_list(headers, X_FORWARDED_FOR, told.forwarded_for.clone());
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
    append_list(headers, header::VIA, HeaderValue::from_static(via(version)));
}

/// HTTP/2 may send a cookie in pieces; HTTP/1.1 has one field for all of them (RFC 9113, section 8.2.3).
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    let pieces: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if pieces.len() > 1
        && let Ok(cookies) = HeaderValue::from_bytes(&pieces.join(&b"; "[..]))
    {
        headers.insert(header::COOKIE, cookies);
    }
}

/// Makes the headers of an answer those that the client shall see, as far as they are of this connection.
pub(crate) fn to_client(headers: &mut HeaderMap) {
    let upgrade = upgrade(headers);
    remove_hop_by_hop(headers);
    if let Some(protocol) = upgrade {
        headers.insert(header::UPGRADE, protocol);
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
}

/// Adds to an answer what the edge says of itself. `version` is the app's.
pub(crate) fn add_own(headers: &mut HeaderMap, id: &RequestId, version: Version) {
    headers.insert(REQUEST_ID, id.0.clone());
    append_list(headers, header::VIA, HeaderValue::from_static(via(version)));
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

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    // Of the transfer codings only trailers make sense past this hop, and `Connection` names `TE` as well.
    let trailers = headers.get_all(header::TE).iter().filter_map(|te| te.to_str().ok());
    let trailers = trailers.flat_map(|te| te.split(',')).any(|te| te.trim().eq_ignore_ascii_case("trailers"));
    if headers.contains_key(header::CONNECTION) {
        let named: Vec<HeaderName> =
            connection_options(headers).filter_map(|name| name.parse().ok()).collect();
        named.iter().filter(|name| framing::is_removable(name)).for_each(|name| drop(headers.remove(name)));
    }
    HOP_BY_HOP.iter().for_each(|name| drop(headers.remove(name)));
    headers.remove(header::UPGRADE);
    headers.remove(header::TE);
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
}

fn connection_options(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',').map(str::trim)).filter(|option| !option.is_empty())
}

/// Adds to a list header, behind what is there: as one field, since some apps read only the first.
fn append_list(headers: &mut HeaderMap, name: HeaderName, more: HeaderValue) {
    match headers.entry(name) {
        Entry::Vacant(vacant) => drop(vacant.insert(more)),
        Entry::Occupied(mut there) => {
            let text = |value: &HeaderValue| value.to_str().map(str::to_owned).ok();
            let all: Vec<String> = there.iter().chain([&more]).filter_map(text).collect();
            if let Ok(joined) = HeaderValue::from_str(&all.join(", ")) {
                there.insert(joined);
            }
        }
    }
}

fn text(value: impl ToString) -> HeaderValue {
    HeaderValue::from_str(&value.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
}
