//! Keeping secrets closed: at rest under the platform's key, on the way under a host's key.
//!
//! ```text
//!  person ──value──► api ── MasterKey::seal ──► directory        (only this api can open it)
//!                     │ MasterKey::open, then
//!                     └── HostKey::seal ──► host ──► guest       (only that host can open it)
//! ```
//!
//! Not responsible for: who may read or write a secret, and where the ciphertext is kept.

mod host_key;
mod key_file;
mod master_key;

pub use host_key::{HostKey, InvalidHostKey};
pub use key_file::KeyFileError;
pub use master_key::{MasterKey, NotOpened};
