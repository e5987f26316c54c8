//! Removes what nobody needs any more.

use std::{
    collections::HashSet,
    fs, io,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{Arc, PoisonError},
};

use super::{Inner, record::Record};
use crate::{Digest, ImageError, durable};

/// What a collection removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collected {
    pub images: u64,
    pub blobs: u64,
    /// Bytes given back to the file system.
    pub bytes: u64,
}

pub async fn collect(inner: &Arc<Inner>, keep: &HashSet<String>) -> Result<Collected, ImageError> {
    let keep: HashSet<Digest> = keep.iter().filter_map(|digest| digest.parse().ok()).collect();
    let inner = inner.clone();
    let work = move || {
        let mut collected = Collected::default();
        collect_images(&inner, &keep, &mut collected)?;
        if let Ok(_alone) = inner.blobs.try_write() {
            collect_blobs(&inner, &mut collected)?;
        }
        Ok(collected)
    };
    let done = tokio::task::spawn_blocking(work).await.map_err(io::Error::other).and_then(|result| result);
    done.map_err(ImageError::io("collect images"))
}

fn collect_images(inner: &Inner, keep: &HashSet<Digest>, collected: &mut Collected) -> io::Result<()> {
    let mut images = inner.images.lock().unwrap_or_else(PoisonError::into_inner);
    let gone: Vec<Digest> = images.keys().filter(|digest| !keep.contains(digest)).copied().collect();
    for digest in gone {
        let dir = inner.dir.join("images").join(digest.hex());
        let bytes = images.get(&digest).map_or(0, |image| room(&image.disk));
        // First out of sight: what a crash leaves in `tmp` is removed at the next start.
        let grave = inner.dir.join("tmp").join(format!("gone-{}", digest.hex()));
        durable::rename(&dir, &grave)?;
        images.remove(&digest);
        fs::remove_dir_all(&grave)?;
        collected.images += 1;
        collected.bytes += bytes;
    }
    Ok(())
}

fn collect_blobs(inner: &Inner, collected: &mut Collected) -> io::Result<()> {
    let mut needed = HashSet::new();
    for entry in fs::read_dir(inner.dir.join("images"))? {
        needed.extend(Record::load(&entry?.path()).map(|record| record.blobs).into_iter().flatten());
    }
    for folder in ["blobs", "partial"] {
        for entry in fs::read_dir(inner.dir.join(folder))? {
            let entry = entry?;
            let digest = format!("sha256:{}", entry.file_name().to_string_lossy()).parse();
            if digest.is_ok_and(|digest| needed.contains(&digest)) {
                continue;
            }
            collected.blobs += 1;
            collected.bytes += room(&entry.path());
            durable::remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Bytes that a file takes of its file system.
fn room(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.blocks() * 512)
}
