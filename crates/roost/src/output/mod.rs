//! Results on stdout, progress on stderr.

mod age;
mod progress;
mod table;

use std::io::{self, Write as _};

use serde::Serialize;

pub use age::age;
pub use progress::Progress;
pub use table::Table;

/// Where and how a command shows its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    Human,
    Json,
}

impl Output {
    /// The result of a command: JSON, or what `human` makes of it.
    pub fn result<T: Serialize>(self, value: &T, human: impl FnOnce(&T) -> String) -> io::Result<()> {
        match self {
            Self::Human => self.text(&human(value)),
            Self::Json => self.text(&serde_json::to_string_pretty(value)?),
        }
    }

    /// One of many results that come one by one: a JSON line each, or a line of text.
    pub fn line<T: Serialize>(self, value: &T, human: impl FnOnce(&T) -> String) -> io::Result<()> {
        match self {
            Self::Human => self.text(&human(value)),
            Self::Json => self.text(&serde_json::to_string(value)?),
        }
    }

    fn text(self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        if !text.is_empty() && !text.ends_with('\n') {
            stdout.write_all(b"\n")?;
        }
        stdout.flush()
    }
}
