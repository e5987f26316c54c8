//! A client of the public API, for the command line and for tests.
//!
//! Responsible for: connections, the token, time limits, and turning an error's body into an
//! [`ApiError`]. Not responsible for: finding the server or its token, and retrying.

mod error;
mod lines;
mod transport;

pub use error::ClientError;
pub use lines::JsonLines;
pub use transport::ApiClient;
