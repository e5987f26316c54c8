//! Images.

use async_graphql::{ID, SimpleObject};
use serde_json::Value;

use crate::scalar::BigInt;

/// What a reference means.
#[derive(Debug, Clone, SimpleObject)]
pub struct Image {
    pub id: ID,
    /// Digest of the manifest for this platform.
    pub digest: String,
    /// The reference as a machine can be given it.
    #[graphql(name = "ref")]
    pub reference: String,
    pub absolute_ref: String,
    pub registry: String,
    pub repository: String,
    pub tag: Option<String>,
    /// Bytes of its compressed layers.
    pub compressed_size_full: BigInt,
    /// Annotations by which one builder knows its own images; ours carry none.
    pub manifest: Option<Value>,
}

#[derive(Debug, Clone, SimpleObject)]
pub struct ImageVersion {
    pub registry: String,
    pub repository: String,
    pub tag: String,
    pub digest: String,
    pub version: Option<String>,
}
