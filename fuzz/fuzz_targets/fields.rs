//! Any fields of a request or an answer: what is of the connection goes, lists stay lists, and what they say is read.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue, header};
use libfuzzer_sys::fuzz_target;
use roost_wire::{accept_encoding, cookie, fields, host};

const CODINGS: [&str; 3] = ["zstd", "br", "gzip"];

fuzz_target!(|bytes: &[u8]| {
    let headers = read(bytes);
    hop_by_hop(headers.clone());
    lists(headers.clone());
    cookies(headers.clone());
    for value in headers.values().filter_map(|value| value.to_str().ok()) {
        if let Some(best) = accept_encoding::best(value, &CODINGS) {
            let value = value.to_ascii_lowercase();
            assert!(CODINGS.contains(&best) && (value.contains(best) || value.contains('*')));
        }
        if host::is_valid(value) {
            assert!(!roost_routing::bare_host(value).contains(['/', '@', ',', ' ', '\t', '?', '#', '%']));
        }
    }
});

/// A line each, as far as HTTP has such fields.
fn read(bytes: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n').take(64) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii())) {
            headers.append(name, value);
        }
    }
    headers
}

fn hop_by_hop(mut headers: HeaderMap) {
    if let Some(protocol) = fields::upgrade(&headers) {
        assert!(!protocol.as_bytes().to_ascii_lowercase().starts_with(b"h2"));
    }
    let framing = [header::HOST, header::CONTENT_LENGTH];
    let kept = |headers: &HeaderMap| framing.clone().map(|name| headers.get_all(name).iter().count());
    let [hosts, lengths] = kept(&headers);
    let lengths = if headers.contains_key(header::TRANSFER_ENCODING) { 0 } else { lengths };
    let named: Vec<HeaderName> =
        fields::connection_options(&headers).filter_map(|option| option.parse().ok()).collect();
    fields::remove_hop_by_hop(&mut headers);
    assert_eq!(kept(&headers), [hosts, lengths], "where a message ends stays as it was");
    for name in named {
        assert!(framing.contains(&name) || name == header::TE || !headers.contains_key(&name), "{name}");
    }
    for name in [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE] {
        assert!(!headers.contains_key(name));
    }
    assert!(headers.get_all(header::TE).iter().all(|te| te == "trailers"));
    let once = headers.clone();
    fields::remove_hop_by_hop(&mut headers);
    assert_eq!(headers, once);
}

fn lists(mut headers: HeaderMap) {
    for name in headers.clone().keys() {
        fields::append(&mut headers, name.clone(), HeaderValue::from_static("last"));
        let mut values = headers.get_all(name).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            panic!("{name} is more than one field")
        };
        assert!(value.as_bytes().ends_with(b"last"), "{name}: {value:?}");
    }
}

fn cookies(mut headers: HeaderMap) {
    let ascii = headers.get_all(header::COOKIE).iter().all(|value| value.to_str().is_ok());
    let before = cookie::find(&headers, "a").map(str::to_owned);
    cookie::join(&mut headers);
    assert!(headers.get_all(header::COOKIE).iter().count() <= 1);
    if ascii {
        assert_eq!(cookie::find(&headers, "a").map(str::to_owned), before);
    }
}
