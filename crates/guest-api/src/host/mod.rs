//! The host agent's side of the channel: one [`GuestClient`] for each connection to a guest.
//!
//! Two tasks serve a connection. The writer owns the sending half and a bounded queue in front of it;
//! the reader owns the receiving half and hands every message to whom it is meant for. The reader never
//! waits for a consumer: each stream has room for all that the guest may send ahead of credit or
//! acknowledgement, and a guest that sends more than it may is cut off.
//!
//! A connection ends when the stream does, when all clients are dropped, or when the event stream is.

mod api_stream;
mod client;
mod connect;
mod deliver;
mod error;
mod exec;
mod tasks;

pub use api_stream::{ApiOpened, ApiReader, ApiWriter};
pub use client::{GuestClient, GuestEvent, GuestHello};
pub use error::GuestError;
pub use exec::{ExecEvent, ExecEvents, ExecInput, ExecSession};
