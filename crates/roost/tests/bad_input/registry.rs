//! A registry with one image, which breaks every connection that carries more than a few bytes.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Result;
use roost_testbed::OciImage;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Manifests and configurations pass whole; layers are larger than this.
const ALWAYS_WHOLE: usize = 10_000;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Ends when dropped.
pub struct Registry {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    image: OciImage,
    /// Bytes of a layer that one connection carries.
    allowance: usize,
    cut: AtomicU64,
    sent: AtomicU64,
}

impl Registry {
    pub async fn start(image: OciImage, allowance: usize) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (cut, sent) = (AtomicU64::new(0), AtomicU64::new(0));
        let shared = Arc::new(Shared { image, allowance, cut, sent });
        let for_task = shared.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = for_task.clone();
                // A client that leaves is the client's affair.
                tokio::spawn(async move { drop(shared.answer(stream).await) });
            }
        });
        Ok(Self { address, shared, task })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn image(&self) -> String {
        format!("{}/app:v1", self.address)
    }

    /// Connections that were broken.
    pub fn cut(&self) -> u64 {
        self.shared.cut.load(Ordering::Relaxed)
    }

    /// Bytes of layers that went out.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    /// One request; the connection ends with its answer, or in the middle of it.
    async fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).to_lowercase();
        let path = head.split(' ').nth(1).unwrap_or_default();
        let Some(content) = self.content(path) else {
            let missing = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            return stream.write_all(missing.as_bytes()).await;
        };
        let from = head.lines().find_map(|line| line.strip_prefix("range: bytes="));
        let from: usize = from.and_then(|range| range.trim_end_matches('-').parse().ok()).unwrap_or(0);
        let rest = &content[from.min(content.len())..];
        let status = if from > 0 {
            let (last, all) = (content.len() - 1, content.len());
            format!("206 Partial Content\r\nContent-Range: bytes {from}-{last}/{all}")
        } else {
            "200 OK".to_owned()
        };
        let length = rest.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {MANIFEST}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await?;
        if head.starts_with("head ") {
            return Ok(());
        }
        stream.write_all(self.allowed(&content, rest)).await?;
        stream.shutdown().await
    }

    /// The beginning of `rest` that goes out.
    fn allowed<'a>(&self, content: &[u8], rest: &'a [u8]) -> &'a [u8] {
        if content.len() <= ALWAYS_WHOLE {
            return rest;
        }
        let allowed = &rest[..self.allowance.min(rest.len())];
        self.cut.fetch_add(u64::from(allowed.len() < rest.len()), Ordering::Relaxed);
        self.sent.fetch_add(allowed.len() as u64, Ordering::Relaxed);
        allowed
    }

    /// A manifest (by tag or digest: there is one) or a blob.
    fn content(&self, path: &str) -> Option<Vec<u8>> {
        if path == "/v2/" {
            return Some(Vec::new());
        }
        let (kind, name) = path.strip_prefix("/v2/app/")?.split_once('/')?;
        let digest = if kind == "manifests" { &self.image.digest } else { name };
        let blobs: &Path = &self.image.path().join("blobs/sha256");
        std::fs::read(blobs.join(digest.strip_prefix("sha256:")?)).ok()
    }
}
