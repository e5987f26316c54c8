//! Answers that come from a folder of a machine, without its app.

use http::{HeaderMap, HeaderValue, header, request};

/// Says what kind of file it is, by the end of its name.
pub(crate) fn tell_type(asked: &request::Parts, answer: &mut HeaderMap) {
    let path = asked.uri.path();
    // A folder stands for its index.
    let name = if path.ends_with('/') { "index.html" } else { path };
    if let Some(kind) = mime_guess::from_path(name).first_raw() {
        let kind = if kind.starts_with("text/") { format!("{kind}; charset=utf-8") } else { kind.to_owned() };
        if let Ok(kind) = HeaderValue::try_from(kind) {
            answer.entry(header::CONTENT_TYPE).or_insert(kind);
        }
    }
}
