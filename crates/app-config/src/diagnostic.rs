//! What is wrong with a configuration, and where: a message, the key, and an excerpt of the text
//! with a caret under the value.

use std::{fmt, ops::Range};

/// A place in a text. Lines and columns count from 1; columns count characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    pub file: String,
    pub line: usize,
    pub column: usize,
    /// The line's text.
    excerpt: String,
    /// Characters to underline.
    width: usize,
}

/// Longest part of a line that is shown.
const MAX_EXCERPT: usize = 160;

impl Location {
    /// The place of a byte range; ranges past the end mean the end.
    pub(crate) fn of(file: &str, text: &str, span: &Range<usize>) -> Self {
        let start = floor_boundary(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = floor_boundary(text, span.end).clamp(start, line_end);
        let line = text[line_start..line_end].trim_end_matches('\r');
        Self {
            file: file.to_owned(),
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            excerpt: line.chars().take(MAX_EXCERPT).collect(),
            width: text[start..end].chars().count().max(1),
        }
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0)
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One finding. Displays over several lines when its place is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Key by its path, such as `services[0].ports[1].port`; empty for the whole.
    pub path: String,
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    pub location: Option<Location>,
}

/// Something odd that does not stop a deploy: an unknown key.
pub type Warning = Diagnostic;

/// Something that validation found, by key; located when the text was at hand.
pub type Problem = Diagnostic;

impl Diagnostic {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), help: None, location: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if let Some(at) = &self.location {
            let gutter = at.line.to_string().len();
            write!(f, "\n{:gutter$}--> {at}", "")?;
            write!(f, "\n{:gutter$} |\n{} | {}", "", at.line, at.excerpt)?;
            if at.column <= MAX_EXCERPT {
                let (indent, carets) = (" ".repeat(at.column - 1), "^".repeat(at.width.min(MAX_EXCERPT)));
                write!(f, "\n{:gutter$} | {indent}{carets}", "")?;
            }
        }
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

/// A configuration that cannot be used. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    pub diagnostics: Vec<Diagnostic>,
}

impl From<Diagnostic> for ConfigError {
    fn from(one: Diagnostic) -> Self {
        Self { diagnostics: vec![one] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, diagnostic) in self.diagnostics.iter().enumerate() {
            if n > 0 {
                f.write_str("\n\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}
