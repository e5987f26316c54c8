//! Large bodies, over connections that are kept.

use std::net::SocketAddr;

use anyhow::Result;

use super::{Done, LARGE_BODY, SMALL_BODY, Transport, exchange::exchange, spread, timed};
use crate::certificate::HOST_NAME;

const WORKERS: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Up,
    Down,
}

pub async fn run(address: SocketAddr, direction: Direction, count: usize) -> Result<Done> {
    spread(count, WORKERS, |part| async move {
        let (request, expected) = request(direction);
        let mut stream = Transport::Plain.connect(address).await?;
        let mut read = Vec::with_capacity(256 * 1024);
        let mut latencies = Vec::with_capacity(part);
        for _ in 0..part {
            timed(&mut latencies, exchange(&mut *stream, &request, expected, &mut read)).await?;
        }
        Ok(latencies)
    })
    .await
}

fn request(direction: Direction) -> (Vec<u8>, usize) {
    match direction {
        Direction::Down => {
            (format!("GET /large HTTP/1.1\r\nHost: {HOST_NAME}\r\n\r\n").into_bytes(), LARGE_BODY)
        }
        Direction::Up => {
            let head =
                format!("POST / HTTP/1.1\r\nHost: {HOST_NAME}\r\nContent-Length: {LARGE_BODY}\r\n\r\n");
            let mut request = head.into_bytes();
            request.resize(request.len() + LARGE_BODY, b'x');
            (request, SMALL_BODY)
        }
    }
}
