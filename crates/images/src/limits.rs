//! How much of an image is accepted. Operators raise these in the `[registry.limits]` section.

use serde::{Deserialize, Serialize};

/// A manifest or index larger than this is refused; the distribution specification asks registries
/// to accept at least 4 MiB.
pub const MAX_MANIFEST_BYTES: u64 = 4 << 20;

/// An image's configuration is a few KiB of JSON, mostly history.
pub const MAX_CONFIG_BYTES: u64 = 8 << 20;

/// Bounds of one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Layers of an image. overlayfs stops at 128 and builders keep to that.
    pub max_layers: usize,
    /// Bytes of one layer as it is transferred.
    pub max_layer_bytes: u64,
    /// Bytes of all layers after decompression, tar headers included.
    pub max_unpacked_bytes: u64,
    /// Entries of all layers together.
    pub max_entries: u64,
    /// A layer may grow to this many times its transferred size (beyond a floor of 64 MiB):
    /// programs and data compress 2 to 10 times, a bomb 1000 times and more.
    pub max_ratio: u64,
}

/// Unpacked sizes up to this are fine at any ratio.
pub const RATIO_FLOOR_BYTES: u64 = 64 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_layers: 128,
            max_layer_bytes: 8 << 30,
            max_unpacked_bytes: 16 << 30,
            max_entries: 2_000_000,
            max_ratio: 200,
        }
    }
}

impl Limits {
    /// Most bytes that a layer of this transferred size may unpack to.
    pub fn unpacked_bytes_of(&self, transferred: u64) -> u64 {
        transferred.saturating_mul(self.max_ratio).max(RATIO_FLOOR_BYTES).min(self.max_unpacked_bytes)
    }
}
