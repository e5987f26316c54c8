//! Manifests and indexes, of OCI and of Docker: the two agree but for their media types.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Digest, ImageError, Limits};

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// What a client accepts, best first.
pub const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.docker.distribution.manifest.list.v2+json";

/// Most entries of an index that are looked at; real ones have a dozen.
const MAX_INDEX_ENTRIES: usize = 1000;

/// Points at some bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    pub media_type: String,
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    pub architecture: String,
    pub os: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    fn runs_here(&self) -> bool {
        self.os == "linux" && self.architecture == "amd64"
    }
}

/// A manifest of one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    pub config: Descriptor,
    #[serde(default)]
    pub layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// A list of manifests, one for each platform.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    pub schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// Either of the two.
#[derive(Debug, Clone, PartialEq)]
pub enum Document {
    Manifest(Manifest),
    Index(Index),
}

impl Document {
    /// Reads a manifest or an index. Its own `mediaType` decides, then the shape; a `Content-Type`
    /// header is only a claim.
    pub fn parse(bytes: &[u8]) -> Result<Self, ImageError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Shape {
            media_type: Option<String>,
            manifests: Option<serde::de::IgnoredAny>,
        }
        let invalid = |error: serde_json::Error| ImageError::Invalid(format!("manifest: {error}"));
        let shape: Shape = serde_json::from_slice(bytes).map_err(invalid)?;
        let is_index = match shape.media_type.as_deref() {
            Some(OCI_INDEX | DOCKER_INDEX) => true,
            Some(OCI_MANIFEST | DOCKER_MANIFEST) => false,
            Some(other) => return Err(ImageError::Invalid(format!("unsupported manifest type {other}"))),
            None => shape.manifests.is_some(),
        };
        let document = if is_index {
            Self::Index(serde_json::from_slice(bytes).map_err(invalid)?)
        } else {
            Self::Manifest(serde_json::from_slice(bytes).map_err(invalid)?)
        };
        document.check()
    }

    fn check(self) -> Result<Self, ImageError> {
        let version = match &self {
            Self::Manifest(manifest) => manifest.schema_version,
            Self::Index(index) => index.schema_version,
        };
        if version != 2 {
            return Err(ImageError::Invalid(format!("manifest schema version {version} is not supported")));
        }
        if matches!(&self, Self::Index(index) if index.manifests.len() > MAX_INDEX_ENTRIES) {
            return Err(ImageError::Invalid(format!("an index of more than {MAX_INDEX_ENTRIES} manifests")));
        }
        Ok(self)
    }

    /// The media type to serve and to store it under.
    pub fn media_type(&self) -> &str {
        match self {
            Self::Manifest(manifest) => manifest.media_type.as_deref().unwrap_or(OCI_MANIFEST),
            Self::Index(index) => index.media_type.as_deref().unwrap_or(OCI_INDEX),
        }
    }

    /// The image that this one is about (a signature, an SBOM).
    pub fn subject(&self) -> Option<&Descriptor> {
        match self {
            Self::Manifest(manifest) => manifest.subject.as_ref(),
            Self::Index(index) => index.subject.as_ref(),
        }
    }
}

impl Index {
    /// The entry for linux/amd64. An entry without a platform counts only when it is the only one.
    pub fn for_this_platform(&self, image: &str) -> Result<&Descriptor, ImageError> {
        let fits = |entry: &&Descriptor| entry.platform.as_ref().is_some_and(Platform::runs_here);
        let only =
            || self.manifests.first().filter(|only| self.manifests.len() == 1 && only.platform.is_none());
        self.manifests
            .iter()
            .find(fits)
            .or_else(only)
            .ok_or_else(|| ImageError::WrongPlatform { image: image.to_owned(), found: self.platforms() })
    }

    fn platforms(&self) -> String {
        let known = self.manifests.iter().filter_map(|entry| entry.platform.as_ref());
        let names = known.filter(|platform| platform.os != "unknown");
        let names: Vec<_> = names.map(|p| format!("{}/{}", p.os, p.architecture)).take(20).collect();
        if names.is_empty() { "no platform".to_owned() } else { names.join(", ") }
    }
}

impl Manifest {
    /// Checks counts and sizes before anything is transferred.
    pub fn check_limits(&self, limits: &Limits) -> Result<(), ImageError> {
        let too_large = |what: String, limit, key| Err(ImageError::TooLarge { what, limit, key });
        if self.layers.len() > limits.max_layers {
            let what = format!("{} layers", self.layers.len());
            return too_large(what, limits.max_layers as u64, "max_layers");
        }
        if let Some(layer) = self.layers.iter().find(|layer| layer.size > limits.max_layer_bytes) {
            let what = format!("layer {} of {} bytes", layer.digest, layer.size);
            return too_large(what, limits.max_layer_bytes, "max_layer_bytes");
        }
        if self.config.size > crate::limits::MAX_CONFIG_BYTES {
            return Err(ImageError::Invalid(format!("a configuration of {} bytes", self.config.size)));
        }
        Ok(())
    }

    /// Bytes to transfer: configuration and layers.
    pub fn total_bytes(&self) -> u64 {
        self.layers.iter().map(|layer| layer.size).fold(self.config.size, u64::saturating_add)
    }
}
