//! The headers that the edge takes away, changes and adds.
//!
//! To the app: `Fly-Client-IP`, `Fly-Forwarded-Port`, `Fly-Region`, `Fly-Request-Id`,
//! `X-Forwarded-For` (client, then the address that it reached, behind what the client sent),
//! `X-Forwarded-Proto`, `-Port` (the client's own is kept) and `-SSL`, `Via`. A client's copies of
//! those that apps trust are removed. To the client: `Fly-Request-Id`, `Via`, and `Server` where the
//! app sends none.

use std::net::IpAddr;

use bytes::{BufMut, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Version, header};
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

/// Room for what is written of a connection; IPv6 addresses take most of it.
const WRITTEN: usize = 384;

/// What all requests of one connection say of it.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    fields: [(HeaderName, HeaderValue); 7],
    /// The same, as HTTP/1.1 writes it.
    written: Vec<u8>,
}

/// What the edge tells an app beside what the client said. Over HTTP/1.1 it never becomes a part of the request's
/// table of fields: most of it is written once for a connection.
#[derive(Debug)]
pub(crate) struct Added<'a> {
    told: &'a Told,
    id: RequestId,
    via: HeaderValue,
}

impl Told {
    pub fn of(client: &Client, region: &HeaderValue) -> Self {
        let (peer, local) = (text(client.peer.ip()), text(client.local.ip()));
        let port = HeaderValue::from(client.local.port());
        let (scheme, ssl) = if client.tls.is_some() { ("https", "on") } else { ("http", "off") };
        let fields = [
            // Client, then the address that it reached.
            (X_FORWARDED_FOR, value([&peer, ", ", &local].concat())),
            (X_FORWARDED_PORT, port.clone()),
            (X_FORWARDED_PROTO, HeaderValue::from_static(scheme)),
            (X_FORWARDED_SSL, HeaderValue::from_static(ssl)),
            (CLIENT_IP, value(peer)),
            (FORWARDED_PORT, port),
            (REGION, region.clone()),
        ];
        let mut written = Vec::with_capacity(WRITTEN);
        fields.iter().for_each(|(name, value)| fields::write(&mut written, name, value));
        Self { fields, written }
    }
}

/// As `Display` says it. Most are of IPv4, whose formatter takes longer than all else that is told.
fn text(address: IpAddr) -> String {
    let IpAddr::V4(v4) = address else { return address.to_string() };
    let mut text = String::with_capacity("255.255.255.255".len());
    for (at, octet) in v4.octets().into_iter().enumerate() {
        if at > 0 {
            text.push('.');
        }
        for (unit, least) in [(100, 100), (10, 10), (1, 0)] {
            if octet >= least {
                text.push(char::from(b'0' + octet / unit % 10));
            }
        }
    }
    text
}

impl Added<'_> {
    pub fn write(&self, to: &mut impl BufMut) {
        to.put_slice(&self.told.written);
        fields::write(to, &REQUEST_ID, &self.id.0);
        fields::write(to, &header::VIA, &self.via);
    }

    /// Makes it a part of `headers`, where the client may have said some of it, too.
    pub fn insert_into(self, headers: &mut HeaderMap) {
        headers.reserve(self.told.fields.len() + 2);
        for (name, value) in &self.told.fields {
            if *name == X_FORWARDED_FOR {
                fields::append(headers, X_FORWARDED_FOR, value.clone());
            } else if *name != X_FORWARDED_PORT || !headers.contains_key(name) {
                headers.insert(name.clone(), value.clone());
            }
        }
        headers.insert(REQUEST_ID, self.id.0);
        fields::append(headers, header::VIA, self.via);
    }
}

/// Id of one request, for logs on both sides.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    pub fn generate(region: &Region) -> Self {
        let mut text = Vec::with_capacity(ulid::ULID_LEN + 1 + region.as_str().len());
        text.extend_from_slice(Ulid::generate().array_to_str(&mut [0; ulid::ULID_LEN]).as_bytes());
        text.push(b'-');
        text.extend_from_slice(region.as_str().as_bytes());
        // It is shared by the request and the answer.
        let value = HeaderValue::from_maybe_shared(Bytes::from_owner(text));
        let mut value = value.unwrap_or_else(|_| HeaderValue::from_static("invalid"));
        // No secret, but never the same again: over HTTP/2 it is kept out of the table of fields.
        value.set_sensitive(true);
        Self(value)
    }

    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// Makes the headers of a request those that the app shall see, but for what is returned. `version` is the client's.
pub(crate) fn to_app<'a>(
    headers: &mut HeaderMap,
    edge: &Edge,
    client: &'a Client,
    id: &RequestId,
    version: Version,
) -> Option<Added<'a>> {
    let upgrade = fields::upgrade(headers);
    fields::remove_hop_by_hop(headers);
    if let Some(protocol) = upgrade {
        headers.insert(header::UPGRADE, protocol);
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
    let via = HeaderValue::from_static(via(version));
    let added = Added { told: client.told(&edge.region), id: id.clone(), via };
    if !headers.keys().any(may_be_ours) {
        return Some(added);
    }
    TRUSTED.iter().for_each(|name| drop(headers.remove(name)));
    added.insert_into(headers);
    None
}

/// A field that the edge may have something to say about, or that may say something to it.
fn may_be_ours(name: &HeaderName) -> bool {
    let name = name.as_str();
    is_platforms(name) || name.starts_with("x-forwarded-") || name == "via"
}

fn is_platforms(name: &str) -> bool {
    name.starts_with("fly-")
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
    // Most requests ask for nothing.
    if !headers.keys().any(|name| is_platforms(name.as_str())) {
        return Steering::default();
    }
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

fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_said_as_display_says_them() {
        let v4 = (0..=255).map(|octet| IpAddr::from([octet, 255 - octet, octet / 3, 10]));
        let v6 = ["::", "::1", "2001:db8::a:0:1", "::ffff:192.0.2.7"].map(|address| address.parse().unwrap());
        for address in v4.chain(v6) {
            assert_eq!(text(address), address.to_string());
        }
    }
}
