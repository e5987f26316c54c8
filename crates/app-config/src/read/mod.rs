//! From text to values that know their place: one tree for the three formats, and one serde
//! reader over it, so that errors and unknown keys are found in the same way in each.

mod error;
mod json;
mod node;
mod toml;
mod tree;
mod yaml;

pub(crate) use error::nearest;
pub(crate) use node::Node;
pub(crate) use tree::{Unknown, read};

use std::ops::Range;

use crate::load::Format;

/// The text is not well-formed.
pub(crate) struct SyntaxError {
    pub message: String,
    pub span: Range<usize>,
}

/// Deepest nesting of tables and lists; the deepest key of a configuration is 6 levels down.
const MAX_DEPTH: usize = 64;

pub(crate) fn parse(text: &str, format: Format) -> Result<Node, SyntaxError> {
    match format {
        Format::Toml => toml::parse(text),
        Format::Json => json::parse(text),
        Format::Yaml => yaml::parse(text),
    }
}
