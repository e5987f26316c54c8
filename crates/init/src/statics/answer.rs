//! The head of an answer, and the bytes of the file that follow it. Pure.

use std::ops::Range;

use super::request::Request;

pub struct Answer {
    pub head: String,
    pub body: Range<u64>,
}

impl Answer {
    /// One without a body.
    pub fn empty(status: &str) -> Answer {
        Answer { head: format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n"), body: 0..0 }
    }

    /// Of a file with `size` bytes, which `etag` names.
    pub fn of(request: &Request, size: u64, etag: &str) -> Answer {
        if request.if_none_match.as_deref().is_some_and(|tags| names(tags, etag)) {
            return Answer { head: format!("HTTP/1.1 304 Not Modified\r\netag: {etag}\r\n\r\n"), body: 0..0 };
        }
        let still = request.if_range.as_deref().is_none_or(|tag| tag == etag);
        let range = request.range.filter(|_| still && !request.head_only).map(|range| range.of(size));
        let (status, body, of_file) = match range {
            None => ("200 OK", 0..size, String::new()),
            Some(Some(range)) => {
                let of_file = format!("content-range: bytes {}-{}/{size}\r\n", range.start, range.end - 1);
                ("206 Partial Content", range, of_file)
            }
            Some(None) => ("416 Range Not Satisfiable", 0..0, format!("content-range: bytes */{size}\r\n")),
        };
        let length = body.end - body.start;
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{of_file}accept-ranges: bytes\r\netag: {etag}\r\n\r\n"
        );
        Answer { head, body: if request.head_only { 0..0 } else { body } }
    }
}

/// Whether a list of entity tags has this one, weak or not (RFC 9110, section 13.1.2).
fn names(tags: &str, etag: &str) -> bool {
    let tag = |tag: &str| tag.trim().trim_start_matches("W/") == etag;
    tags.trim() == "*" || tags.split(',').any(tag)
}

/// Files of one image that were not changed since have the same name on all of its machines. A time alone says
/// nothing: builds that can be repeated give every file the same.
pub fn etag(image: &str, size: u64, modified_ns: i64) -> String {
    format!("\"{image}-{size:x}-{modified_ns:x}\"")
}

#[cfg(test)]
mod tests {
    use super::{super::request::parse, *};

    fn answer(method: &str, headers: &str) -> Answer {
        let (request, _) = parse(format!("{method} /x HTTP/1.1\r\n{headers}\r\n").as_bytes()).unwrap();
        Answer::of(&request, 10, "\"t\"")
    }

    #[test]
    fn whole_parts_and_nothing() {
        let whole = answer("GET", "");
        assert!(whole.head.starts_with("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n") && whole.body == (0..10));
        let part = answer("GET", "range: bytes=2-3\r\nif-range: \"t\"\r\n");
        assert!(part.head.contains(" 206 ") && part.head.contains("content-length: 2\r\n"), "{}", part.head);
        assert!(part.head.contains("content-range: bytes 2-3/10\r\n") && part.body == (2..4));
        assert_eq!(answer("GET", "range: bytes=2-3\r\nif-range: \"old\"\r\n").body, 0..10);
        assert!(answer("GET", "range: bytes=10-\r\n").head.contains("content-range: bytes */10\r\n"));
        let head = answer("HEAD", "range: bytes=2-3\r\n");
        assert!(head.head.contains("content-length: 10\r\n") && head.body.is_empty());
        for same in ["\"t\"", "W/\"t\"", "\"o\", \"t\"", "*"] {
            assert!(answer("GET", &format!("if-none-match: {same}\r\n")).head.contains(" 304 "), "{same}");
        }
        assert_eq!(answer("GET", "if-none-match: \"other\"\r\n").body, 0..10);
    }
}
