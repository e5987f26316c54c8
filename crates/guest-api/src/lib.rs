//! What a host and the `init` of a guest say to each other.
//!
//! [`message`] is the vocabulary, [`frame`] how a message becomes bytes on a stream that may have lost
//! its beginning, and `host` (a feature) the client that a host agent uses.

#[cfg(feature = "host")]
mod host;

pub mod channel;
pub mod frame;
pub mod message;
mod volume;

#[cfg(feature = "host")]
pub use host::*;
pub use message::*;
pub use volume::*;
