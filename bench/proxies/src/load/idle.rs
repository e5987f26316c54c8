//! Connections that had one request and wait for another.

use std::net::SocketAddr;

use anyhow::Result;

use super::{SMALL_BODY, Stream, Transport, exchange::exchange};
use crate::certificate::HOST_NAME;

pub async fn open(address: SocketAddr, transport: &Transport, count: usize) -> Result<Vec<Box<dyn Stream>>> {
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST_NAME}\r\n\r\n");
    let mut open = Vec::with_capacity(count);
    let mut read = Vec::with_capacity(4096);
    for _ in 0..count {
        let mut stream = transport.connect(address).await?;
        exchange(&mut *stream, request.as_bytes(), SMALL_BODY, &mut read).await?;
        open.push(stream);
    }
    Ok(open)
}
