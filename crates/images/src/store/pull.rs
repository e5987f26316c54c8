//! From a reference to an image: manifest, configuration, layers, disk.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use roost_model::ImageRef;
use tokio::sync::watch;

use super::{Image, Inner, Progress, PullState, Resolved, Stage, record};
use crate::{
    Digest, ImageConfig, ImageError,
    config::ConfigBlob,
    disk::{self, Layer},
    durable,
    manifest::{Descriptor, Document, Manifest},
};

/// Blobs fetched at the same time.
const PARALLEL: usize = 3;

pub async fn resolve(inner: &Inner, image: &ImageRef) -> Result<Resolved, ImageError> {
    let _blobs = inner.blobs.read().await;
    let (digest, manifest) = manifest(inner, image).await?;
    let (config, _) = configuration(inner, image, &manifest).await?;
    Ok(Resolved {
        image: image.pinned(&digest.to_string()),
        labels: config.labels.clone(),
        config,
        transfer_bytes: manifest.total_bytes(),
    })
}

/// Brings the image here. `state` is told how far it is.
pub async fn pull(
    inner: &Arc<Inner>,
    digest: Digest,
    image: &ImageRef,
    state: &watch::Sender<PullState>,
) -> Result<Arc<Image>, ImageError> {
    // Another pull may have ended between the question and this one's begin.
    if let Some(image) = inner.image(&digest) {
        return Ok(image);
    }
    let _blobs = inner.blobs.read().await;
    let (_, manifest) = manifest(inner, image).await?;
    let (config, diff_ids) = configuration(inner, image, &manifest).await?;
    fetch_layers(inner, image, &manifest, state).await?;
    let layers = layers(inner, &manifest, diff_ids)?;
    let blobs = std::iter::once(&manifest.config).chain(&manifest.layers).map(|blob| blob.digest).collect();
    let made = make(inner.clone(), digest, layers, config, blobs, state.clone());
    let image = Arc::new(tokio::task::spawn_blocking(made).await.map_err(|_| panicked())??);
    inner.add(digest, image.clone());
    Ok(image)
}

fn panicked() -> ImageError {
    ImageError::Invalid("making the disk failed unexpectedly".to_owned())
}

/// The manifest for this platform, and its digest.
async fn manifest(inner: &Inner, image: &ImageRef) -> Result<(Digest, Manifest), ImageError> {
    let mut fetched = inner.client.manifest(image, image.reference()).await?;
    if let Document::Index(index) = &fetched.document {
        let entry = index.for_this_platform(&image.to_string())?;
        fetched = inner.client.manifest(image, &entry.digest.to_string()).await?;
    }
    let Document::Manifest(manifest) = fetched.document else {
        return Err(ImageError::Invalid(format!("{image} is an index of indexes")));
    };
    manifest.check_limits(&inner.client.config().limits)?;
    Ok((fetched.digest, manifest))
}

/// The image's configuration and the digests of its unpacked layers.
async fn configuration(
    inner: &Inner,
    image: &ImageRef,
    manifest: &Manifest,
) -> Result<(ImageConfig, Vec<Digest>), ImageError> {
    let path = fetch(inner, image, &manifest.config, &|_| {}).await?;
    let bytes = tokio::fs::read(&path).await.map_err(ImageError::io("read a blob"))?;
    let blob = ConfigBlob::parse(&bytes)?;
    if (blob.os.as_str(), blob.architecture.as_str()) != ("linux", "amd64") {
        let found = format!("{}/{}", blob.os, blob.architecture);
        return Err(ImageError::WrongPlatform { image: image.to_string(), found });
    }
    let diff_ids = blob.rootfs.diff_ids.clone();
    if diff_ids.len() != manifest.layers.len() {
        let (layers, ids) = (manifest.layers.len(), diff_ids.len());
        let what = format!("{image} has {layers} layers, but its configuration names {ids}");
        return Err(ImageError::Invalid(what));
    }
    Ok((blob.image_config(), diff_ids))
}

async fn fetch_layers(
    inner: &Inner,
    image: &ImageRef,
    manifest: &Manifest,
    state: &watch::Sender<PullState>,
) -> Result<(), ImageError> {
    let total_bytes = manifest.layers.iter().map(|layer| layer.size).sum();
    let here: Vec<AtomicU64> = manifest.layers.iter().map(|_| AtomicU64::new(0)).collect();
    let report = || {
        let done_bytes = here.iter().map(|bytes| bytes.load(Ordering::Relaxed)).sum();
        let progress = Progress { stage: Stage::Pulling, done_bytes, total_bytes };
        state.send_modify(|state| state.progress = Some(progress));
    };
    let fetch_layer = async |layer: &Descriptor, here: &AtomicU64| {
        let on_bytes = |bytes| {
            here.store(bytes, Ordering::Relaxed);
            report();
        };
        fetch(inner, image, layer, &on_bytes).await
    };
    let mut fetches = Vec::new();
    for (layer, here) in manifest.layers.iter().zip(&here) {
        fetches.push(fetch_layer(layer, here).boxed());
    }
    stream::iter(fetches).buffer_unordered(PARALLEL).try_collect::<Vec<_>>().await.map(drop)
}

/// A blob's file; fetched unless it is here.
async fn fetch(
    inner: &Inner,
    image: &ImageRef,
    blob: &Descriptor,
    on_bytes: &(dyn Fn(u64) + Send + Sync),
) -> Result<PathBuf, ImageError> {
    let path = inner.blob(&blob.digest);
    if tokio::fs::try_exists(&path).await.map_err(ImageError::io("look for a blob"))? {
        on_bytes(blob.size);
        return Ok(path);
    }
    let partial = inner.dir.join("partial").join(blob.digest.hex());
    let _alone = inner.fetching(&blob.digest).await;
    if !tokio::fs::try_exists(&path).await.map_err(ImageError::io("look for a blob"))? {
        inner.client.blob(image, blob, &partial, on_bytes).await?;
        durable::rename(&partial, &path).map_err(ImageError::io("keep a blob"))?;
    }
    Ok(path)
}

fn layers(inner: &Inner, manifest: &Manifest, diff_ids: Vec<Digest>) -> Result<Vec<Layer>, ImageError> {
    let pairs = manifest.layers.iter().zip(diff_ids);
    let layer = |(layer, diff_id): (&Descriptor, Digest)| Layer {
        path: inner.blob(&layer.digest),
        digest: layer.digest,
        diff_id,
    };
    Ok(pairs.map(layer).collect())
}

/// Makes the disk in a folder of its own, which then gets its final name.
fn make(
    inner: Arc<Inner>,
    digest: Digest,
    layers: Vec<Layer>,
    config: ImageConfig,
    blobs: Vec<Digest>,
    state: watch::Sender<PullState>,
) -> impl FnOnce() -> Result<Image, ImageError> {
    move || {
        let io = || ImageError::io("keep an image");
        let dir = tempfile::tempdir_in(inner.dir.join("tmp")).map_err(io())?;
        let size = |layer: &Layer| std::fs::metadata(&layer.path).map_or(0, |file| file.len());
        let total_bytes = layers.iter().map(size).sum();
        let mut done_bytes = 0;
        let mut report = |bytes| {
            done_bytes += bytes;
            let progress = Progress { stage: Stage::Converting, done_bytes, total_bytes };
            state.send_modify(|state| state.progress = Some(progress));
        };
        report(0);
        let disk =
            disk::convert(&layers, &dir.path().join(record::DISK), &inner.client.config().limits, |layer| {
                report(size(layer))
            })?;
        let record = record::Record::new(disk.bytes, config, blobs);
        record.save(dir.path()).map_err(io())?;
        let place = inner.dir.join("images").join(digest.hex());
        durable::rename(dir.path(), &place).map_err(io())?;
        Ok(record.image(digest, &place))
    }
}
