//! The cases, as the files beside this one hold them.

use serde::Deserialize;

use super::back_end::Seen;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Http1,
    Http2,
}

/// What has to become of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    /// The edge refuses it, and no server reads a request.
    Refused,
    /// Every server reads what `seen` says.
    Read,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    pub expect: Expect,
    /// `METHOD TARGET BODY` each.
    #[serde(default)]
    seen: Vec<String>,
    /// Over HTTP/1.1: the bytes, with `{host}` for the name of the app.
    #[serde(default)]
    pub bytes: String,
    /// Over HTTP/2: the fields of the head, the pieces of the body, the trailers.
    #[serde(default)]
    pub head: Vec<(String, String)>,
    #[serde(default)]
    pub data: Vec<String>,
    #[serde(default)]
    pub trailers: Vec<(String, String)>,
}

impl Case {
    pub fn expected(&self) -> Vec<Seen> {
        let read = |line: &String| {
            let mut words = line.splitn(3, ' ').map(str::to_owned);
            let mut word = || words.next().unwrap_or_default();
            Seen { method: word(), target: word(), body: word() }
        };
        self.seen.iter().map(read).collect()
    }
}

#[derive(Deserialize)]
struct File {
    case: Vec<Case>,
}

pub fn read(wire: Wire) -> Vec<Case> {
    let text = match wire {
        Wire::Http1 => include_str!("http1.toml"),
        Wire::Http2 => include_str!("http2.toml"),
    };
    let file: File = toml::from_str(text).unwrap_or_else(|error| panic!("{wire:?}: {error}"));
    file.case
}
