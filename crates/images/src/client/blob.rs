//! Blobs into files: hashed on the way, resumed where they broke off.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use futures::StreamExt;
use reqwest::{Response, StatusCode, header};
use roost_model::ImageRef;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt;

use super::{Endpoint, Failure, RegistryClient, endpoint, no_endpoint};
use crate::{Digest, ImageError, manifest::Descriptor};

/// Connections that may break one after the other without a new byte.
const MAX_FRUITLESS: u32 = 4;

/// Connections of one blob, whatever they bring: a server that breaks off every few KiB is no server.
const MAX_CONNECTIONS: u32 = 50;

/// A blob on its way into a file.
struct Download<'a> {
    descriptor: &'a Descriptor,
    path: PathBuf,
    file: tokio::fs::File,
    hasher: Sha256,
    received: u64,
}

impl RegistryClient {
    /// Brings a blob to `path`, which keeps what arrived when this fails and is continued from there
    /// by the next call. `on_bytes` is told how many bytes are there. Synced when it returns.
    pub async fn blob(
        &self,
        image: &ImageRef,
        descriptor: &Descriptor,
        path: &Path,
        on_bytes: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<(), ImageError> {
        let mut last = None;
        for endpoint in endpoint::of_registry(&self.config, &image.registry) {
            match self.blob_from(&endpoint, image, descriptor, path, on_bytes).await {
                Ok(()) => return Ok(()),
                Err(error) if error.is_disk_full() => return Err(error),
                Err(error) => {
                    tracing::debug!(%image, blob = %descriptor.digest, endpoint = endpoint.host, %error, "an endpoint lacks the blob");
                    last = Some(error);
                }
            }
        }
        Err(last.unwrap_or_else(|| no_endpoint(&image.registry)))
    }

    async fn blob_from(
        &self,
        endpoint: &Endpoint,
        image: &ImageRef,
        descriptor: &Descriptor,
        path: &Path,
        on_bytes: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<(), ImageError> {
        let failure = Failure {
            endpoint,
            repository: &image.repository,
            image: format!("{image} (blob {})", descriptor.digest),
        };
        let mut download = Download::resume(descriptor, path).await?;
        let was_resumed = download.received > 0;
        on_bytes(download.received);
        self.receive_all(&failure, &mut download, on_bytes).await?;
        match download.finish().await {
            // What was kept from before may have been damaged since: once more, from the begin.
            Err(ImageError::DigestMismatch { .. }) if was_resumed => {
                let mut download = Download::resume(descriptor, path).await?;
                self.receive_all(&failure, &mut download, on_bytes).await?;
                download.finish().await
            }
            result => result,
        }
    }

    async fn receive_all(
        &self,
        failure: &Failure<'_>,
        download: &mut Download<'_>,
        on_bytes: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<(), ImageError> {
        let (mut connections, mut fruitless) = (0, 0);
        while download.received < download.descriptor.size {
            let before = download.received;
            let response = self.request_blob(failure, download).await?;
            match download.receive(response, failure, on_bytes).await {
                Ok(()) if download.received == download.descriptor.size => break,
                Ok(()) | Err(ImageError::Unreachable { .. }) => {}
                Err(error) => return Err(error),
            }
            connections += 1;
            fruitless = if download.received > before { 0 } else { fruitless + 1 };
            if fruitless == MAX_FRUITLESS || connections == MAX_CONNECTIONS {
                let (received, size) = (download.received, download.descriptor.size);
                let registry = failure.endpoint.host.clone();
                let reason = format!(
                    "the transfer keeps breaking off; {received} of {size} bytes arrived, and the next try goes on from there"
                );
                return Err(ImageError::Unreachable { registry, reason });
            }
        }
        Ok(())
    }

    async fn request_blob(
        &self,
        failure: &Failure<'_>,
        download: &Download<'_>,
    ) -> Result<Response, ImageError> {
        let url = failure.endpoint.url(failure.repository, &format!("blobs/{}", download.descriptor.digest));
        let scope = failure.endpoint.scope(failure.repository, "pull");
        let request = || match download.received {
            0 => self.http.get(&url),
            received => self.http.get(&url).header(header::RANGE, format!("bytes={received}-")),
        };
        self.send(failure, &scope, request).await
    }
}

impl<'a> Download<'a> {
    /// Opens the file and hashes what is in it.
    async fn resume(descriptor: &'a Descriptor, path: &Path) -> Result<Self, ImageError> {
        let (owned, limit) = (path.to_owned(), descriptor.size);
        let opened = tokio::task::spawn_blocking(move || open_and_hash(&owned, limit)).await;
        let opened = opened.map_err(std::io::Error::other).and_then(|result| result);
        let (file, hasher, received) = opened.map_err(ImageError::io("keep a blob"))?;
        let file = tokio::fs::File::from_std(file);
        Ok(Self { descriptor, path: path.to_owned(), file, hasher, received })
    }

    async fn receive(
        &mut self,
        response: Response,
        failure: &Failure<'_>,
        on_bytes: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<(), ImageError> {
        if self.received > 0 && !continues(&response, self.received) {
            self.restart().await?;
        }
        let mut stream = response.bytes_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| failure.unreachable(&error))?;
            if self.received + chunk.len() as u64 > self.descriptor.size {
                self.restart().await?;
                let reason = format!("blob {} is longer than its manifest says", self.descriptor.digest);
                return Err(failure.protocol(&reason));
            }
            self.file.write_all(&chunk).await.map_err(ImageError::io("keep a blob"))?;
            self.hasher.update(&chunk);
            self.received += chunk.len() as u64;
            on_bytes(self.received);
        }
        Ok(())
    }

    /// Forgets what arrived.
    async fn restart(&mut self) -> Result<(), ImageError> {
        self.file.set_len(0).await.map_err(ImageError::io("keep a blob"))?;
        (self.hasher, self.received) = (Sha256::new(), 0);
        Ok(())
    }

    async fn finish(mut self) -> Result<(), ImageError> {
        self.file.flush().await.map_err(ImageError::io("keep a blob"))?;
        self.file.sync_all().await.map_err(ImageError::io("keep a blob"))?;
        let (expected, found) = (self.descriptor.digest, Digest::finish(self.hasher));
        if found == expected {
            return Ok(());
        }
        crate::durable::remove(&self.path).map_err(ImageError::io("remove a damaged blob"))?;
        Err(ImageError::DigestMismatch { what: "a blob".to_owned(), expected, found })
    }
}

/// The answer begins where we stopped, not at the begin.
fn continues(response: &Response, received: u64) -> bool {
    let range = response.headers().get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
    response.status() == StatusCode::PARTIAL_CONTENT
        && range.is_some_and(|range| range.starts_with(&format!("bytes {received}-")))
}

fn open_and_hash(path: &Path, limit: u64) -> std::io::Result<(std::fs::File, Sha256, u64)> {
    let mut file = std::fs::File::options().create(true).read(true).append(true).open(path)?;
    if file.metadata()?.len() > limit {
        file.set_len(0)?;
    }
    let (mut hasher, mut received, mut buffer) = (Sha256::new(), 0, vec![0; 256 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((file, hasher, received)),
            length => {
                hasher.update(&buffer[..length]);
                received += length as u64;
            }
        }
    }
}
