//! The `Cookie` header (RFC 6265, section 5.4).

use http::{HeaderMap, HeaderValue, header};

/// The value of the first cookie of this name.
pub fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lists = headers.get_all(header::COOKIE).iter().filter_map(|list| list.to_str().ok());
    let mut pairs = lists.flat_map(|list| list.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(own, _)| *own == name).map(|(_, value)| value)
}

/// HTTP/2 may send a cookie in pieces; HTTP/1.1 has one field for all of them (RFC 9113, section 8.2.3).
pub fn join(headers: &mut HeaderMap) {
    let pieces: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if pieces.len() > 1
        && let Ok(cookies) = HeaderValue::from_bytes(&pieces.join(&b"; "[..]))
    {
        headers.insert(header::COOKIE, cookies);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_one_and_the_first_of_a_name_counts() {
        let mut headers = HeaderMap::new();
        for piece in ["a=1; b=2", "c=3=4; a=5", "d"] {
            headers.append(header::COOKIE, HeaderValue::from_static(piece));
        }
        join(&mut headers);
        assert_eq!(headers.get_all(header::COOKIE).iter().count(), 1);
        assert_eq!(headers[header::COOKIE], "a=1; b=2; c=3=4; a=5; d");
        assert_eq!((find(&headers, "a"), find(&headers, "c")), (Some("1"), Some("3=4")));
        assert_eq!((find(&headers, "d"), find(&headers, "A")), (None, None));
    }
}
