//! `[build]`: where the image comes from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::forms::{self, is_default};

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Build {
    /// Builder image of Cloud Native Buildpacks.
    pub builder: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub buildpacks: Vec<String>,
    /// Build nothing: deploy this image.
    pub image: Option<String>,
    /// Path of the Dockerfile; `Dockerfile` when absent. The build context stays the project's folder.
    pub dockerfile: Option<String>,
    /// Path of the ignore file; `.dockerignore` when absent.
    pub ignorefile: Option<String>,
    /// Stage of the Dockerfile to stop at.
    #[serde(rename = "build-target", alias = "build_target")]
    pub build_target: Option<String>,
    #[serde(deserialize_with = "forms::text_map", skip_serializing_if = "is_default")]
    pub args: BTreeMap<String, String>,
    pub compose: Option<Compose>,
    /// One of the old built-in builders.
    pub builtin: Option<String>,
    #[serde(deserialize_with = "forms::text_map", skip_serializing_if = "is_default")]
    pub settings: BTreeMap<String, String>,
    /// `gzip` or `zstd`, for the image's layers.
    pub compression: Option<String>,
    pub compression_level: Option<u8>,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Compose {
    pub file: Option<String>,
}
