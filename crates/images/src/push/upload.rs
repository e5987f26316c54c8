//! One blob or manifest to the registry.

use std::path::Path;

use reqwest::{Body, Response, StatusCode, Url, header};
use tokio_util::io::ReaderStream;

use super::Push;
use crate::{
    ImageError,
    client::Failure,
    manifest::{Descriptor, Document},
};

/// Repositories that a blob is looked for in.
pub const MAX_MOUNTS: usize = 4;

/// Bytes read from the disk at once.
const CHUNK: usize = 256 << 10;

/// Times that a blob is sent from its begin.
const MAX_SENDS: u32 = 3;

/// How the registry came to have a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    WasThere,
    Mounted,
    Sent,
}

impl Push<'_> {
    /// Makes sure that the registry has a blob.
    pub async fn blob(&self, blob: &Descriptor, path: &Path) -> Result<Outcome, ImageError> {
        if self.has(blob).await? {
            return Ok(Outcome::WasThere);
        }
        let mut tries = 0;
        loop {
            tries += 1;
            let Some(upload) = self.begin(blob).await? else { return Ok(Outcome::Mounted) };
            match self.send_blob(&upload, blob, path).await {
                Ok(()) => return Ok(Outcome::Sent),
                Err(error) if tries == MAX_SENDS || !error.is_retryable() => return Err(error),
                Err(error) => tracing::debug!(blob = %blob.digest, %error, "sending a blob once more"),
            }
        }
    }

    async fn has(&self, blob: &Descriptor) -> Result<bool, ImageError> {
        let url = self.endpoint.url(self.repository, &format!("blobs/{}", blob.digest));
        match self.client.send(&self.failure(), &self.scope, || self.client.http().head(&url)).await {
            Ok(_) => Ok(true),
            Err(ImageError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Where to send the blob to; `None` when it could be mounted from another repository.
    async fn begin(&self, blob: &Descriptor) -> Result<Option<Url>, ImageError> {
        let url = self.endpoint.url(self.repository, "blobs/uploads/");
        let digest = blob.digest.to_string();
        for (index, from) in self.mount_from.iter().enumerate() {
            let from = format!("{}{from}", self.endpoint.prefix);
            let query = [("mount", digest.as_str()), ("from", &from)];
            let request = || self.client.http().post(&url).query(&query).header(header::CONTENT_LENGTH, 0);
            let response = self.client.send(&self.failure(), &self.scope, request).await?;
            if response.status() == StatusCode::CREATED {
                return Ok(None);
            }
            // It has opened an upload instead, which is used for the last candidate only.
            if index + 1 < self.mount_from.len() {
                self.cancel(&response).await;
                continue;
            }
            return self.location(&response).map(Some);
        }
        let request = || self.client.http().post(&url).header(header::CONTENT_LENGTH, 0);
        let response = self.client.send(&self.failure(), &self.scope, request).await?;
        self.location(&response).map(Some)
    }

    /// Best effort: registries forget unfinished uploads by themselves.
    async fn cancel(&self, response: &Response) {
        if let Ok(url) = self.location(response) {
            let request = || self.client.http().delete(url.clone());
            if let Err(error) = self.client.send(&self.failure(), &self.scope, request).await {
                tracing::debug!(%error, "an upload that is not needed stays open");
            }
        }
    }

    fn location(&self, response: &Response) -> Result<Url, ImageError> {
        let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        let base = Url::parse(&self.endpoint.base()).ok();
        let url = location.zip(base).and_then(|(location, base)| base.join(location).ok());
        url.ok_or_else(|| self.failure().protocol("it did not say where to upload to"))
    }

    async fn send_blob(&self, upload: &Url, blob: &Descriptor, path: &Path) -> Result<(), ImageError> {
        let mut url = upload.clone();
        url.query_pairs_mut().append_pair("digest", &blob.digest.to_string());
        let io = || ImageError::io(format!("read blob {} of the layout", blob.digest));
        let file = tokio::fs::File::open(path).await.map_err(io())?;
        let request = self
            .client
            .http()
            .put(url)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_LENGTH, blob.size)
            .body(Body::wrap_stream(ReaderStream::with_capacity(file, CHUNK)));
        // A stream can be sent once; `blob` begins anew when that fails.
        self.client.send_once(&self.failure(), &self.scope, request).await.map(drop)
    }

    /// Puts a manifest under a tag or its digest.
    pub async fn manifest(
        &self,
        reference: &str,
        bytes: &[u8],
        document: &Document,
    ) -> Result<(), ImageError> {
        let url = self.endpoint.url(self.repository, &format!("manifests/{reference}"));
        let request = || {
            let request = self.client.http().put(&url);
            request.header(header::CONTENT_TYPE, document.media_type()).body(bytes.to_vec())
        };
        self.client.send(&self.failure(), &self.scope, request).await.map(drop)
    }

    fn failure(&self) -> Failure<'_> {
        Failure { endpoint: &self.endpoint, repository: self.repository, image: self.repository.to_owned() }
    }
}
