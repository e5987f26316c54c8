//! The registry client: asks any registry, or a mirror of it, for manifests and blobs.
//!
//! Responsible for: which server to ask in which order, tokens, retries, resuming. Every byte that
//! leaves this module matched its digest. Not for: keeping anything; that is `store`.

mod config;

pub use config::{Credentials, Mirror, PullConfig};
