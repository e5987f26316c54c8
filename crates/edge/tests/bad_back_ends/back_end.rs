//! An app that says what its script says, byte by byte, whatever it is asked.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// What an app does with each connection, after it has read the head of a request.
#[derive(Clone)]
pub struct Script {
    pub speaks: Speaks,
    pub acts: Vec<Act>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    Http1,
    Http2,
}

#[derive(Clone)]
pub enum Act {
    Say(Vec<u8>),
    /// Again and again, until nobody listens.
    Forever(Vec<u8>),
    /// Says no more.
    Close,
    Reset,
    /// Says nothing, and stays.
    Stall,
}

/// Connections, and those of them that the edge has let go.
#[derive(Clone, Default)]
pub struct Counts {
    pub opened: Arc<AtomicUsize>,
    pub ended: Arc<AtomicUsize>,
}

pub async fn serve(listener: TcpListener, script: Script, counts: Counts) {
    while let Ok((stream, _)) = listener.accept().await {
        let (script, counts) = (script.clone(), counts.clone());
        counts.opened.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            // What is wrong with a connection that is being broken does not matter.
            let _ = connection(stream, &script).await;
            counts.ended.fetch_add(1, Ordering::SeqCst);
        });
    }
}

async fn connection(mut stream: TcpStream, script: &Script) -> std::io::Result<()> {
    match script.speaks {
        Speaks::Http1 => read_head(&mut stream).await?,
        Speaks::Http2 => open_stream(&mut stream).await?,
    }
    for act in &script.acts {
        match act {
            Act::Say(bytes) => stream.write_all(bytes).await?,
            Act::Forever(bytes) => loop {
                stream.write_all(bytes).await?;
                tokio::time::sleep(Duration::from_millis(5)).await;
            },
            Act::Close => stream.shutdown().await?,
            Act::Reset => return SockRef::from(&stream).set_linger(Some(Duration::ZERO)),
            Act::Stall => {}
        }
    }
    let mut ignored = [0; 4096];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

async fn read_head(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(())
}

const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;

/// Reads up to a request, which is stream 1.
async fn open_stream(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.read_exact(&mut [0; 24]).await?;
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        stream.read_exact(&mut payload).await?;
        if head[3] == HEADERS {
            return stream.write_all(&frame(SETTINGS, 1, 0, &[])).await;
        }
    }
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}
