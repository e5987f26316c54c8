//! The host's end of the channel to a guest's agent.

use std::{path::PathBuf, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use crate::{GuestStream, VmmError, error::Context, socket, socket::Within};

/// Where `init` listens on vsock.
pub(crate) const VSOCK_PORT: u32 = 1024;

/// Between two tries while the guest does not listen yet.
const RETRY: Duration = Duration::from_millis(5);

/// `OK <port>\n`, with a port of up to 10 digits.
const MAX_REPLY: usize = 16;

#[derive(Debug, Clone)]
pub(crate) enum GuestSocket {
    /// The socket is the guest's port.
    Port(PathBuf),
    /// Firecracker's vsock: `CONNECT <port>` first.
    Vsock(Within),
}

impl GuestSocket {
    /// For vsock, tries until the guest listens.
    pub async fn connect(&self) -> Result<Box<dyn GuestStream>, VmmError> {
        match self {
            Self::Port(path) => {
                let stream =
                    socket::connect(path).await.context(|| "connecting to the guest's port".into())?;
                Ok(Box::new(stream))
            }
            Self::Vsock(socket) => loop {
                let mut stream =
                    socket.connect().await.context(|| "connecting to the guest's vsock".into())?;
                if handshake(&mut stream).await.is_some() {
                    return Ok(Box::new(stream));
                }
                tokio::time::sleep(RETRY).await;
            },
        }
    }
}

/// `None`: nobody listens in the guest. Reads a byte at a time, so as to take nothing of what follows.
async fn handshake(stream: &mut UnixStream) -> Option<()> {
    stream.write_all(format!("CONNECT {VSOCK_PORT}\n").as_bytes()).await.ok()?;
    let mut reply = Vec::new();
    while !reply.ends_with(b"\n") {
        if reply.len() == MAX_REPLY {
            return None;
        }
        reply.push(stream.read_u8().await.ok()?);
    }
    reply.starts_with(b"OK ").then_some(())
}
