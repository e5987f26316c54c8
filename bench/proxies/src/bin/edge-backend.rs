//! The app behind every proxy: answers quickly, and says what the load expects. `edge-backend PORT`.
//!
//! It takes what it is sent for well-formed and reads only what it needs: it is no server for anything else.

use std::{env, io};

use anyhow::{Context as _, Result};
use roost_bench_proxies::load::{LARGE_BODY, SMALL_BODY};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let port: u16 = env::args().nth(1).context("expected PORT")?.parse()?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // A connection that breaks is the load's to notice.
        tokio::spawn(serve(stream));
    }
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    let (small, large) = (answer(SMALL_BODY), answer(LARGE_BODY));
    let mut read = Vec::with_capacity(64 * 1024);
    loop {
        let Some(head) = head_end(&read) else {
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let text = String::from_utf8_lossy(&read[..head]).to_ascii_lowercase();
        let (is_large, upgrades) = (text.starts_with("get /large"), text.contains("\r\nupgrade:"));
        let length: usize = field(&text, "\r\ncontent-length:").unwrap_or(0);
        let mut body_left = length.saturating_sub(read.len() - head);
        read.drain(..(head + length).min(read.len()));
        while body_left > 0 {
            read.clear();
            let count = stream.read_buf(&mut read).await?;
            if count == 0 {
                return Ok(());
            }
            body_left -= count.min(body_left);
            read.clear();
        }
        if upgrades {
            return echo(stream).await;
        }
        stream.write_all(if is_large { &large } else { &small }).await?;
    }
}

/// Says back what it hears, as it came.
async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    let agreed = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(agreed.as_bytes()).await?;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count]).await?;
    }
}

fn answer(body: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {body}\r\n\r\n");
    let mut answer = head.into_bytes();
    answer.resize(answer.len() + body, b'x');
    answer
}

fn head_end(read: &[u8]) -> Option<usize> {
    read.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

fn field(head: &str, name: &str) -> Option<usize> {
    let (_, rest) = head.split_once(name)?;
    rest.lines().next()?.trim().parse().ok()
}
