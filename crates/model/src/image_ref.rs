//! Image references: `[registry/]repository[:tag][@digest]`, with Docker's defaults.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Registry of a reference that names none.
pub const DEFAULT_REGISTRY: &str = "docker.io";

/// A parsed reference. At least one of `tag` and `digest` is set.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageRef {
    /// Host and optional port.
    pub registry: String,
    pub repository: String,
    pub tag: Option<String>,
    /// `sha256:<64 hex digits>`.
    pub digest: Option<String>,
}

text_schema!(ImageRef, "^[^ ]+$");

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid image reference \"{reference}\": {reason}")]
pub struct InvalidImageRef {
    reference: String,
    reason: &'static str,
}

impl FromStr for ImageRef {
    type Err = InvalidImageRef;

    fn from_str(text: &str) -> Result<Self, InvalidImageRef> {
        parse(text).map_err(|reason| InvalidImageRef { reference: text.to_owned(), reason })
    }
}

fn parse(text: &str) -> Result<ImageRef, &'static str> {
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    if let Some(digest) = digest {
        check_digest(digest)?;
    }
    let (registry, rest) = match name.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest),
        _ => (DEFAULT_REGISTRY, name),
    };
    let (repository, tag) = match rest.rsplit_once(':') {
        Some((repository, tag)) => (repository, Some(tag)),
        None => (rest, None),
    };
    let repository = if registry == DEFAULT_REGISTRY && !repository.contains('/') {
        format!("library/{repository}")
    } else {
        repository.to_owned()
    };
    check_repository(&repository)?;
    if let Some(tag) = tag {
        check_tag(tag)?;
    }
    let tag = match (tag, digest) {
        (None, None) => Some("latest".to_owned()),
        (tag, _) => tag.map(str::to_owned),
    };
    Ok(ImageRef { registry: registry.to_owned(), repository, tag, digest: digest.map(str::to_owned) })
}

fn check_digest(digest: &str) -> Result<(), &'static str> {
    let hex = digest.strip_prefix("sha256:").ok_or("a digest must start with sha256:")?;
    let fine = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if fine { Ok(()) } else { Err("a sha256 digest must have 64 lower-case hex digits") }
}

/// Components as the distribution specification allows them.
pub fn check_repository(repository: &str) -> Result<(), &'static str> {
    if repository.len() > 255 {
        return Err("a repository name may have at most 255 characters");
    }
    let alnum = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let component = |c: &str| {
        let bytes = c.as_bytes();
        bytes.first().copied().is_some_and(alnum)
            && bytes.last().copied().is_some_and(alnum)
            && bytes.iter().all(|&b| alnum(b) || matches!(b, b'.' | b'_' | b'-'))
    };
    if repository.split('/').all(component) {
        Ok(())
    } else {
        Err("a repository name holds lower-case letters, digits, '.', '_', '-' and '/'")
    }
}

pub fn check_tag(tag: &str) -> Result<(), &'static str> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let bytes = tag.as_bytes();
    let fine = bytes.len() <= 128
        && bytes.first().copied().is_some_and(word)
        && bytes.iter().all(|&b| word(b) || matches!(b, b'.' | b'-'));
    if fine { Ok(()) } else { Err("a tag has 1 to 128 letters, digits, '_', '.' and '-'") }
}

impl ImageRef {
    /// What to ask a registry for: the digest when there is one, else the tag.
    pub fn reference(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest")
    }

    /// The same image, pinned to a digest.
    pub fn pinned(&self, digest: &str) -> Self {
        Self { digest: Some(digest.to_owned()), ..self.clone() }
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl TryFrom<String> for ImageRef {
    type Error = InvalidImageRef;

    fn try_from(text: String) -> Result<Self, InvalidImageRef> {
        text.parse()
    }
}

impl From<ImageRef> for String {
    fn from(image: ImageRef) -> Self {
        image.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        text.parse::<ImageRef>().unwrap().to_string()
    }

    #[test]
    fn docker_defaults_apply() {
        assert_eq!(shown("debian"), "docker.io/library/debian:latest");
        assert_eq!(shown("me/app:v1"), "docker.io/me/app:v1");
        assert_eq!(shown("localhost:5000/app"), "localhost:5000/app:latest");
    }

    #[test]
    fn a_digest_stands_alone_or_beside_a_tag() {
        let digest = format!("sha256:{}", "a".repeat(64));
        assert_eq!(shown(&format!("debian@{digest}")), format!("docker.io/library/debian@{digest}"));
        assert_eq!(shown(&format!("debian:12@{digest}")), format!("docker.io/library/debian:12@{digest}"));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "UPPER", "a//b", "a:", "a@sha256:12", "a/../b", "a:b c"] {
            assert!(text.parse::<ImageRef>().is_err(), "{text}");
        }
    }
}
