//! A client of the public API, for the command line and for tests.
//!
//! Responsible for: connections, the token, time limits, and turning an error's body into a
//! [`ClientError`]. Not responsible for: finding the server or its token, and retrying.

mod addresses;
mod apps;
mod certificates;
mod error;
mod exec;
mod identity;
mod lines;
mod machines;
mod releases;
mod secrets;
mod server;
mod transport;
mod volumes;

pub use error::ClientError;
pub use exec::{ExecReceiver, ExecSender, ExecStream};
pub use lines::JsonLines;
pub use server::LogsQuery;
pub use transport::ApiClient;
