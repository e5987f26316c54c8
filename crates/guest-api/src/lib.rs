//! What a host and the `init` of a guest say to each other.

pub mod message;

pub use message::*;
