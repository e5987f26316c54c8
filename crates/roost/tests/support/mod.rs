//! What the whole-system tests share.

use std::path::Path;

use anyhow::Result;
use roost_testbed::{Server, ServerOptions};

/// The executable under test.
pub const ROOST: &str = env!("CARGO_BIN_EXE_roost");

/// A server with the default settings, in the network of the calling thread.
pub async fn server() -> Result<Server> {
    Server::start(Path::new(ROOST), ServerOptions::default()).await
}
