//! What a host and the `init` of a guest say to each other.
//!
//! [`message`] is the vocabulary, [`frame`] how a message becomes bytes on a stream that may have lost
//! its beginning, [`lines`] what becomes of an app's output, and `host` (a feature) the client that a host agent
//! uses.

#[cfg(feature = "host")]
mod host;

pub mod channel;
pub mod frame;
pub mod lines;
pub mod message;
mod volume;

#[cfg(feature = "host")]
pub use host::*;
pub use message::*;
pub use volume::*;
