//! Fields of HTTP that are of one connection, and lists that grow on their way.

use bytes::BufMut;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{self, Entry},
};

/// Of one connection, not of the message (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// `Connection` may not take these away: they say where a message ends and whom it is for.
const END_TO_END: [HeaderName; 2] = [header::HOST, header::CONTENT_LENGTH];

/// What `Connection` lists.
pub fn connection_options(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',').map(str::trim)).filter(|option| !option.is_empty())
}

/// The protocol that the message wants its connection to be switched to. Only where `Connection`
/// names `upgrade` does the `Upgrade` header mean anything. HTTP/2 is not offered to apps in this way: requests
/// inside would pass the edge by, with whatever headers their client likes.
pub fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let protocol = headers.get(header::UPGRADE)?;
    let is_h2 = protocol.as_bytes().to_ascii_lowercase().starts_with(b"h2");
    let is_meant = connection_options(headers).any(|option| option.eq_ignore_ascii_case("upgrade"));
    (is_meant && !is_h2).then(|| protocol.clone())
}

/// Writes a field as HTTP/1.1 does.
pub fn write(to: &mut impl BufMut, name: &HeaderName, value: &HeaderValue) {
    for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
        to.put_slice(part);
    }
}

/// Takes away what is of the connection alone.
pub fn remove_hop_by_hop(headers: &mut HeaderMap) {
    // One look at all names is cheaper than one for each of these, and most messages have none, or one.
    let here: Vec<HeaderName> = headers.keys().filter(|name| HOP_BY_HOP.contains(name)).cloned().collect();
    if here.is_empty() {
        return;
    }
    // Of the transfer codings only trailers make sense past this hop, and `Connection` names `TE` as well.
    let trailers = here.contains(&header::TE) && {
        let codings = headers.get_all(header::TE).iter().filter_map(|te| te.to_str().ok());
        codings.flat_map(|te| te.split(',')).any(|te| te.trim().eq_ignore_ascii_case("trailers"))
    };
    if here.contains(&header::CONNECTION) {
        // What is said most is no name of a field.
        let names = connection_options(headers).filter(|name| !name.eq_ignore_ascii_case("close"));
        let named: Vec<HeaderName> = names.filter_map(|name| name.parse().ok()).collect();
        named.iter().filter(|name| !END_TO_END.contains(name)).for_each(|name| drop(headers.remove(name)));
    }
    // Where chunks say where a message ends, its length says nothing (RFC 9112, section 6.3).
    if here.contains(&header::TRANSFER_ENCODING) {
        headers.remove(header::CONTENT_LENGTH);
    }
    here.iter().for_each(|name| drop(headers.remove(name)));
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
}

/// Adds to a list, behind what is there: as one field, since some apps read only the first.
pub fn append(headers: &mut HeaderMap, name: HeaderName, more: HeaderValue) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn what_connection_names_goes_but_not_where_a_message_ends() {
        let mut all = headers(&[
            ("connection", "close, X-Own,, te"),
            ("x-own", "1"),
            ("te", "gzip, Trailers"),
            ("upgrade", "websocket"),
            ("content-length", "3"),
            ("host", "web"),
        ]);
        all.append("connection", HeaderValue::from_static("content-length, host"));
        assert_eq!(upgrade(&all), None);
        remove_hop_by_hop(&mut all);
        assert_eq!(all, headers(&[("content-length", "3"), ("host", "web"), ("te", "trailers")]));
    }

    #[test]
    fn a_length_beside_chunks_is_none() {
        let mut all = headers(&[("transfer-encoding", "chunked"), ("content-length", "3")]);
        remove_hop_by_hop(&mut all);
        assert!(all.is_empty());
    }

    #[test]
    fn a_list_grows_at_its_end_and_becomes_one_field() {
        let mut all = headers(&[("via", "1.0 a")]);
        all.append("via", HeaderValue::from_static("1.1 b"));
        append(&mut all, header::VIA, HeaderValue::from_static("2 c"));
        assert_eq!(all, headers(&[("via", "1.0 a, 1.1 b, 2 c")]));
    }
}
