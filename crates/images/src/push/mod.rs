//! Sends an OCI image layout to a registry: only the blobs that it lacks.

mod layout;
mod upload;

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use roost_model::ImageRef;

use crate::{
    Credentials, ImageError, PullConfig,
    client::{Endpoint, Mirror, RegistryClient},
    manifest::{Descriptor, Document},
};
use layout::Layout;

/// Blobs sent at the same time.
const PARALLEL: usize = 3;

/// How far a push is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushProgress {
    /// Bytes that the registry has now: sent, mounted or there before.
    pub done_bytes: u64,
    pub total_bytes: u64,
    /// Bytes that had to be sent so far.
    pub sent_bytes: u64,
}

/// What a push did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The target, pinned to the digest of the manifest (or index) now there.
    pub image: ImageRef,
    pub sent_bytes: u64,
    pub total_bytes: u64,
}

/// Options of a push.
#[derive(Debug, Clone, Default)]
pub struct PushOptions {
    pub credentials: Option<Credentials>,
    /// Repositories of the same registry that may hold some of the blobs already; the first few are
    /// tried.
    pub mount_from: Vec<String>,
    /// Server to send to when it is not the one that the reference names.
    pub server: Option<Mirror>,
    /// Speak plain HTTP, also to a registry that is not on a loopback address.
    pub plain_http: bool,
}

/// Pushes the one image of the layout at `layout` (a folder, or a tar of it) to the repository of
/// `target`, under its tag if it has one.
pub async fn push_oci_layout(
    layout: &Path,
    target: &ImageRef,
    options: &PushOptions,
    progress: impl Fn(PushProgress) + Send + Sync,
) -> Result<Pushed, ImageError> {
    let layout = Layout::open(layout).await?;
    let plan = layout.plan(target)?;
    let push = Push::new(target, options)?;
    let total_bytes = plan.blobs.iter().map(|blob| blob.size).sum();
    let (done, sent) = (AtomicU64::new(0), AtomicU64::new(0));
    let report = || {
        progress(PushProgress {
            done_bytes: done.load(Ordering::Relaxed),
            total_bytes,
            sent_bytes: sent.load(Ordering::Relaxed),
        });
    };
    report();
    let upload = async |blob: &Descriptor| {
        let outcome = push.blob(blob, &layout.blob(&blob.digest)).await?;
        done.fetch_add(blob.size, Ordering::Relaxed);
        sent.fetch_add(if outcome == upload::Outcome::Sent { blob.size } else { 0 }, Ordering::Relaxed);
        report();
        Ok::<_, ImageError>(())
    };
    let mut uploads = Vec::new();
    for blob in &plan.blobs {
        uploads.push(upload(blob).boxed());
    }
    stream::iter(uploads).buffer_unordered(PARALLEL).try_collect::<Vec<()>>().await?;
    for manifest in &plan.manifests {
        push.manifest(&manifest.digest.to_string(), &manifest.bytes, &manifest.document).await?;
    }
    if let Some(tag) = &target.tag {
        push.manifest(tag, &plan.top.bytes, &plan.top.document).await?;
    }
    let image = target.pinned(&plan.top.digest.to_string());
    Ok(Pushed { image, sent_bytes: sent.into_inner(), total_bytes })
}

/// What is pushed, children before those that name them.
struct Plan {
    blobs: Vec<Descriptor>,
    manifests: Vec<Stored>,
    top: Stored,
}

#[derive(Clone)]
struct Stored {
    digest: crate::Digest,
    bytes: Vec<u8>,
    document: Document,
}

/// One push to one repository.
struct Push<'a> {
    client: RegistryClient,
    endpoint: Endpoint,
    repository: &'a str,
    mount_from: &'a [String],
    /// Every token covers the repositories to mount from as well.
    scope: String,
}

impl<'a> Push<'a> {
    fn new(target: &'a ImageRef, options: &'a PushOptions) -> Result<Self, ImageError> {
        let endpoint = match &options.server {
            Some(server) => Endpoint::of_mirror(server),
            None => Endpoint::of_origin(&target.registry, options.plain_http),
        };
        let credentials =
            options.credentials.clone().map(|credentials| (endpoint.account.clone(), credentials));
        let config = PullConfig { credentials: credentials.into_iter().collect(), ..PullConfig::default() };
        let mount_from = &options.mount_from[..options.mount_from.len().min(upload::MAX_MOUNTS)];
        let mut scope = endpoint.scope(&target.repository, "pull,push");
        for other in mount_from {
            scope = format!("{scope} {}", endpoint.scope(other, "pull"));
        }
        let client = RegistryClient::new(config)?;
        Ok(Self { client, endpoint, repository: &target.repository, mount_from, scope })
    }
}
