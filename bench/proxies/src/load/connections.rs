//! A connection for every request.

use std::net::SocketAddr;

use anyhow::Result;

use super::{
    Done, SMALL_BODY, Stream, Transport,
    exchange::{exchange, until_closed},
    spread, timed,
};
use crate::certificate::HOST_NAME;

/// Connections at once.
const WORKERS: usize = 16;

/// `transport` makes one for each worker: what they remember of sessions is their own.
pub async fn run(address: SocketAddr, transport: impl Fn() -> Transport, count: usize) -> Result<Done> {
    spread(count, WORKERS, |part| {
        let transport = transport();
        async move {
            let mut latencies = Vec::with_capacity(part);
            for _ in 0..part {
                timed(&mut latencies, one(address, &transport)).await?;
            }
            Ok(latencies)
        }
    })
    .await
}

async fn one(address: SocketAddr, transport: &Transport) -> Result<()> {
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST_NAME}\r\nConnection: close\r\n\r\n");
    let mut stream: Box<dyn Stream> = transport.connect(address).await?;
    let mut read = Vec::with_capacity(4096);
    exchange(&mut *stream, request.as_bytes(), SMALL_BODY, &mut read).await?;
    until_closed(&mut *stream, &mut read).await
}
