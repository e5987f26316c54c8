//! The one error of this crate's pull, convert and push paths.

use std::{io, sync::Arc};

use crate::{Digest, digest::InvalidDigest};

/// Why an image cannot be had. Cheap to clone: everybody who waits for one pull gets its error.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// No registry in the list could be asked.
    #[error("cannot reach registry {registry}: {reason}")]
    Unreachable { registry: String, reason: String },
    #[error(
        "registry {registry} refused access to {repository}: {reason}; check its credentials under [registry.credentials]"
    )]
    Denied { registry: String, repository: String, reason: String },
    #[error("image {image} does not exist in registry {registry}")]
    NotFound { registry: String, image: String },
    /// The registry answered something that the protocol does not allow.
    #[error("registry {registry}: {reason}")]
    Protocol { registry: String, reason: String },
    #[error(
        "image {image} has no variant for linux/amd64; it is made for {found}. Build it with --platform linux/amd64"
    )]
    WrongPlatform { image: String, found: String },
    #[error("{what} does not match its digest: expected {expected}, got {found}")]
    DigestMismatch { what: String, expected: Digest, found: Digest },
    #[error(transparent)]
    InvalidDigest(#[from] InvalidDigest),
    /// A manifest, configuration or layout that is not what it should be.
    #[error("invalid image: {0}")]
    Invalid(String),
    /// A layer that cannot become a file tree; `entry` is its path where there is one.
    #[error("layer {layer} is broken: {reason}")]
    BrokenLayer { layer: Digest, reason: String },
    #[error(
        "image is too large: {what} is more than the limit of {limit} (raise {key} under [registry.limits])"
    )]
    TooLarge { what: String, limit: u64, key: &'static str },
    /// Only an image that is pinned to a digest can be made into a disk.
    #[error("image {0} is not pinned to a digest")]
    NotPinned(String),
    #[error("cannot {what}: {source}")]
    Io { what: String, source: Arc<io::Error> },
}

impl ImageError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::Io { what, source: Arc::new(error) }
    }

    /// Stable name of the error, for APIs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "registry_unreachable",
            Self::Denied { .. } => "registry_denied",
            Self::NotFound { .. } => "image_not_found",
            Self::Protocol { .. } => "registry_protocol",
            Self::WrongPlatform { .. } => "image_wrong_platform",
            Self::DigestMismatch { .. } => "image_digest_mismatch",
            Self::InvalidDigest(_) | Self::Invalid(_) => "image_invalid",
            Self::BrokenLayer { .. } => "image_broken_layer",
            Self::TooLarge { .. } => "image_too_large",
            Self::NotPinned(_) => "image_not_pinned",
            Self::Io { .. } => "image_io",
        }
    }

    /// The same call may succeed later without anybody changing the image.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Io { .. } | Self::Protocol { .. })
    }

    /// The host's disk has no room left.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull)
    }
}
