//! One request and its answer, over HTTP/1.1, as plain as it can be.

use std::io::ErrorKind;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Stream;

/// Sends `request` and reads the whole answer, whose body must have `expected` bytes.
pub async fn exchange(
    stream: &mut dyn Stream,
    request: &[u8],
    expected: usize,
    read: &mut Vec<u8>,
) -> Result<()> {
    stream.write_all(request).await?;
    answer(stream, expected, read).await
}

/// The whole answer, whose body must have `expected` bytes.
pub async fn answer(stream: &mut dyn Stream, expected: usize, read: &mut Vec<u8>) -> Result<()> {
    let head = head(stream, read).await?;
    let text = String::from_utf8_lossy(&read[..head]);
    ensure!(text.starts_with("HTTP/1.1 200"), "not 200: {text}");
    let length = text.to_ascii_lowercase();
    let length =
        length.split_once("\r\ncontent-length: ").and_then(|(_, rest)| rest.lines().next()?.parse().ok());
    let length: usize = length.context("the answer has no length")?;
    ensure!(length == expected, "{length} bytes instead of {expected}");
    let mut left = expected - (read.len() - head).min(expected);
    while left > 0 {
        read.clear();
        let count = stream.read_buf(read).await?;
        ensure!(count > 0, "the answer ended {left} bytes early");
        left -= count;
    }
    Ok(())
}

/// Reads the head of an answer and says where it ends; `read` holds it, and perhaps some of what follows.
pub async fn head(stream: &mut dyn Stream, read: &mut Vec<u8>) -> Result<usize> {
    read.clear();
    loop {
        if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            return Ok(at + 4);
        }
        ensure!(stream.read_buf(read).await? > 0, "closed before an answer");
    }
}

/// Reads until the other end closes.
pub async fn until_closed(stream: &mut dyn Stream, read: &mut Vec<u8>) -> Result<()> {
    loop {
        read.clear();
        match stream.read_buf(read).await {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            // Without the alert that ends TLS: the answer was whole all the same.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => bail!(error),
        }
    }
}
