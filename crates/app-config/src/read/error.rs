//! serde's errors, in words for people who write configuration files.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

/// An error of reading one value; the reader adds the place.
#[derive(Debug)]
pub(crate) struct ReadError {
    pub message: String,
    pub help: Option<String>,
    /// Where it happened: the innermost value that was being read.
    pub place: Option<Place>,
}

/// Path and span of the value that was being read.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub path: String,
    pub span: std::ops::Range<usize>,
}

impl ReadError {
    fn new(message: String) -> Self {
        Self { message, help: None, place: None }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ReadError {}

impl Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {}, found {}", wanted(expected), shown(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let names = expected.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        let help = nearest(variant, expected).map(|name| format!("did you mean \"{name}\"?"));
        Self { help, ..Self::new(format!("unknown value \"{variant}\"; it is one of {names}")) }
    }
}

/// serde names Rust's types; people know ranges.
fn wanted(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "u8" => "a whole number from 0 to 255".to_owned(),
        "u16" => "a whole number from 0 to 65535".to_owned(),
        "u32" | "u64" => "a whole number, 0 or more".to_owned(),
        "f64" => "a number".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a table".to_owned(),
        _ if text.starts_with("struct ") => "a table".to_owned(),
        _ => text,
    }
}

fn shown(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(flag) => format!("{flag}"),
        Unexpected::Unsigned(n) => n.to_string(),
        Unexpected::Signed(n) => n.to_string(),
        Unexpected::Float(n) => n.to_string(),
        Unexpected::Str(text) => format!("the string \"{text}\""),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a table".to_owned(),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        other => other.to_string(),
    }
}

/// Likeness from which on a name is worth suggesting (0 to 1).
const ALIKE: f64 = 0.7;

/// The known name that is most like the one written.
pub(crate) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |name: &str| name.to_ascii_lowercase().replace('-', "_");
    known
        .iter()
        .map(|name| (strsim::jaro_winkler(&plain(written), &plain(name)), *name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}
