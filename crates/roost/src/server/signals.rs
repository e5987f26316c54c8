//! The signals that end a server.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Waits until the server is asked to stop; the signal's name.
pub async fn stop_asked() -> io::Result<&'static str> {
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
    })
}
