//! What to build.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use crate::Mirror;

/// A build of one image.
#[derive(Debug, Clone, Default)]
pub struct BuildRequest {
    /// Folder that the Dockerfile's `COPY` sees.
    pub context: PathBuf,
    pub dockerfile: PathBuf,
    /// Takes the place of the context's `.dockerignore`.
    pub ignorefile: Option<PathBuf>,
    /// Stage to stop at; the last one when absent.
    pub target: Option<String>,
    pub args: BTreeMap<String, String>,
    pub secrets: Vec<BuildSecret>,
    pub labels: BTreeMap<String, String>,
    pub cache: Cache,
    /// Where base images are looked for first. Only buildah and podman take them from here; a Docker
    /// engine or BuildKit has mirrors in its own configuration.
    pub mirrors: Vec<Mirror>,
}

/// Whether steps that were built before are built again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cache {
    #[default]
    Use,
    Ignore,
}

/// A secret that `RUN --mount=type=secret,id=…` sees as a file. It does not become part of the image.
#[derive(Clone, PartialEq, Eq)]
pub struct BuildSecret {
    pub id: String,
    pub value: Vec<u8>,
}

impl fmt::Debug for BuildSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildSecret").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The text of a secret cannot be understood, or its source cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("invalid build secret \"{id}\": {reason}")]
pub struct InvalidSecret {
    id: String,
    reason: String,
}

impl BuildSecret {
    /// Reads `NAME=VALUE`, or Docker's `id=NAME,src=FILE`, `id=NAME,env=VARIABLE` and `id=NAME` (the
    /// variable of that name).
    ///
    /// # Errors
    /// Neither form, a name that is no word, a file that cannot be read, a variable that is not set.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let Some(rest) = text.strip_prefix("id=") else {
            let (id, value) = text.split_once('=').ok_or_else(|| InvalidSecret {
                id: text.to_owned(),
                reason: "write NAME=VALUE, id=NAME,src=FILE or id=NAME,env=VARIABLE".to_owned(),
            })?;
            return Self::new(id, value.as_bytes().to_vec());
        };
        let (id, source) = rest.split_once(',').unwrap_or((rest, ""));
        let invalid = |reason: String| InvalidSecret { id: id.to_owned(), reason };
        let value = match source.split_once('=') {
            Some(("src" | "source", path)) => {
                std::fs::read(path).map_err(|error| invalid(format!("cannot read {path}: {error}")))?
            }
            Some(("env", name)) => variable(name).map_err(invalid)?,
            None if source.is_empty() => variable(id).map_err(invalid)?,
            _ => return Err(invalid(format!("\"{source}\" is neither src=FILE nor env=VARIABLE"))),
        };
        Self::new(id, value)
    }

    /// # Errors
    /// The id could not be a file's name.
    pub fn new(id: &str, value: Vec<u8>) -> Result<Self, InvalidSecret> {
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if id.is_empty() || id.starts_with('.') || !id.chars().all(word) {
            let reason = "a name has letters, digits, '_', '-' and '.'".to_owned();
            return Err(InvalidSecret { id: id.to_owned(), reason });
        }
        Ok(Self { id: id.to_owned(), value })
    }
}

fn variable(name: &str) -> Result<Vec<u8>, String> {
    std::env::var(name).map(String::into_bytes).map_err(|_| format!("the variable {name} is not set"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        assert_eq!(BuildSecret::parse("TOKEN=a=b").unwrap().value, b"a=b");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "inside").unwrap();
        let secret = BuildSecret::parse(&format!("id=npmrc,src={}", file.path().display())).unwrap();
        assert_eq!((secret.id.as_str(), secret.value.as_slice()), ("npmrc", &b"inside"[..]));
        assert!(!BuildSecret::parse("id=a,env=PATH").unwrap().value.is_empty());
    }

    #[test]
    fn nonsense_is_refused_and_values_are_not_shown() {
        for text in
            ["TOKEN", "=x", "a/b=x", "..=x", "id=a,src=/does/not/exist", "id=a,b=c", "id=NOT_SET_AT_ALL"]
        {
            assert!(BuildSecret::parse(text).is_err(), "{text}");
        }
        assert!(!format!("{:?}", BuildSecret::parse("TOKEN=hunter2").unwrap()).contains("hunter2"));
    }
}
