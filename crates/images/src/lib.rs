//! Images: from a reference to a disk that a machine boots from, and the registry that keeps them.
//!
//! ```text
//!  CLI ── push ──► registry (blobs, manifests, tags) ◄── client ── store ── disk ──► EROFS file
//!                  any other registry, or its mirror ◄──────┘
//! ```
//!
//! Responsible for: the OCI distribution protocol on both sides, digests, the platform's own
//! registry, merging layers into one tree and writing that tree as a read-only disk, what an image
//! says is to be run. Not for: building images, deciding which images are still needed, running
//! anything.
//!
//! Whatever comes out of an image or a registry is hostile: every size, count and depth has a
//! limit, every digest is checked, and a path can only name a place inside the image.

//!
//! Without its feature `transfer` the crate knows what an image is, and makes its disk, and moves nothing.

pub mod command;
pub mod config;
pub mod digest;
pub mod disk;
pub mod error;
pub mod limits;
pub mod manifest;
pub mod path;

#[cfg(feature = "transfer")]
pub mod client;
#[cfg(feature = "transfer")]
mod durable;
#[cfg(feature = "transfer")]
pub mod push;
#[cfg(feature = "transfer")]
pub mod registry;
#[cfg(feature = "transfer")]
pub mod store;

#[cfg(feature = "transfer")]
pub use client::{Credentials, PullConfig};
pub use config::ImageConfig;
pub use digest::Digest;
pub use error::ImageError;
pub use limits::Limits;
#[cfg(feature = "transfer")]
pub use store::{Collected, Image, ImageStore, Progress, Resolved, Stage};
