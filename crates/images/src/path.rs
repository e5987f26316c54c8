//! Paths of the distribution protocol. A repository's name may hold slashes, so they are read from their end.

use roost_model::image_ref::{check_repository, check_tag};

use crate::{Digest, digest::InvalidDigest};

/// What a path is about, within a repository.
#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    Blob(Digest),
    /// The place to begin uploads.
    Uploads,
    Upload(String),
    Manifest(Reference),
    Tags,
    Referrers(Digest),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    Tag(String),
    Digest(Digest),
}

/// What is wrong with a path.
#[derive(Debug, PartialEq, Eq)]
pub enum Misplaced {
    NoPath,
    Name(&'static str),
    Upload,
    Digest(InvalidDigest),
    Tag(&'static str),
}

/// Repository and target of `/v2/<repository>/…`.
pub fn parse(path: &str) -> Result<(String, Target), Misplaced> {
    let rest = path.strip_prefix("/v2/").ok_or(Misplaced::NoPath)?;
    let (repository, target) = split(rest).ok_or(Misplaced::NoPath)?;
    check_repository(repository).map_err(Misplaced::Name)?;
    Ok((repository.to_owned(), target?))
}

type Found<'a> = (&'a str, Result<Target, Misplaced>);

fn split(path: &str) -> Option<Found<'_>> {
    if let Some(repository) = path.strip_suffix("/tags/list") {
        return Some((repository, Ok(Target::Tags)));
    }
    if let Some(repository) =
        path.strip_suffix("/blobs/uploads/").or_else(|| path.strip_suffix("/blobs/uploads"))
    {
        return Some((repository, Ok(Target::Uploads)));
    }
    let (front, last) = path.rsplit_once('/')?;
    if let Some(repository) = front.strip_suffix("/blobs/uploads") {
        return Some((repository, upload(last)));
    }
    if let Some(repository) = front.strip_suffix("/blobs") {
        return Some((repository, digest(last).map(Target::Blob)));
    }
    if let Some(repository) = front.strip_suffix("/referrers") {
        return Some((repository, digest(last).map(Target::Referrers)));
    }
    let repository = front.strip_suffix("/manifests")?;
    Some((repository, reference(last).map(Target::Manifest)))
}

fn upload(id: &str) -> Result<Target, Misplaced> {
    let fine = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    if fine { Ok(Target::Upload(id.to_owned())) } else { Err(Misplaced::Upload) }
}

fn digest(text: &str) -> Result<Digest, Misplaced> {
    // Colons may come escaped.
    text.replace("%3A", ":").replace("%3a", ":").parse().map_err(Misplaced::Digest)
}

fn reference(text: &str) -> Result<Reference, Misplaced> {
    if text.contains([':', '%']) {
        return digest(text).map(Reference::Digest);
    }
    check_tag(text).map_err(Misplaced::Tag)?;
    Ok(Reference::Tag(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_slashes_are_told_from_verbs() {
        let digest = Digest::of(b"x");
        assert_eq!(parse("/v2/a/b/tags/list").unwrap(), ("a/b".to_owned(), Target::Tags));
        assert_eq!(parse("/v2/a/blobs/uploads/").unwrap(), ("a".to_owned(), Target::Uploads));
        assert_eq!(parse(&format!("/v2/a/blobs/{digest}")).unwrap(), ("a".to_owned(), Target::Blob(digest)));
        let tag = Target::Manifest(Reference::Tag("latest".to_owned()));
        assert_eq!(parse("/v2/manifests/manifests/latest").unwrap(), ("manifests".to_owned(), tag));
        for bad in [
            "/v2/a",
            "/v2/../manifests/x",
            "/v2/A/manifests/x",
            "/v2/a/blobs/x",
            "/v2//tags/list",
            "/v2/a/manifests/.x",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
