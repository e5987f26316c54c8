//! Messages there and back over WebSockets.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Done, SMALL_BODY, Transport, exchange, spread, timed};
use crate::certificate::HOST_NAME;

const WORKERS: usize = 64;

/// A text message of a client: final, masked with zeros (RFC 6455, section 5.2).
fn message() -> Vec<u8> {
    let mut message = vec![0x81, 0x80 | SMALL_BODY as u8, 0, 0, 0, 0];
    message.resize(message.len() + SMALL_BODY, b'x');
    message
}

/// The key is the example of RFC 6455, section 1.3: the back end knows the answer to it.
pub async fn run(address: SocketAddr, count: usize) -> Result<Done> {
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {HOST_NAME}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    spread(count, WORKERS, |part| {
        let request = request.clone();
        async move {
            let mut stream = Transport::Plain.connect(address).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut read = Vec::with_capacity(4096);
            let head = exchange::head(&mut *stream, &mut read).await?;
            ensure!(read.starts_with(b"HTTP/1.1 101"), "no WebSocket: {}", String::from_utf8_lossy(&read));
            ensure!(read.len() == head, "a word before the first");
            let (message, mut heard) = (message(), message());
            let mut latencies = Vec::with_capacity(part);
            for _ in 0..part {
                timed(&mut latencies, async {
                    stream.write_all(&message).await?;
                    stream.read_exact(&mut heard).await?;
                    Ok(())
                })
                .await?;
                ensure!(heard == message, "another message came back");
            }
            Ok(latencies)
        }
    })
    .await
}
