//! Layers to disk: tar streams are merged into one tree, which is written as an EROFS file.
//!
//! ```text
//!  layer ── unpack (thread) ── tar ── merge ──► tree (names, inodes: memory)  ──► erofs ──► disk
//!                                      └──────► data (contents: straight to the disk) ──┘
//! ```
//!
//! One pass over the layers, no root file system on the host, nothing set up by root: an entry of a
//! tar only ever becomes bytes in a file. Equal images give equal disks.

mod data;
pub mod erofs;
mod merge;
mod path;
pub mod tar;
mod tree;
mod unpack;

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use data::DataArea;
use merge::{Budget, MergeError};
use tree::Tree;
use unpack::{UnpackError, Unpacked};

use crate::{Digest, ImageError, Limits};

/// A layer in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// gzip, zstd or plain; whatever its name says.
    pub path: PathBuf,
    /// Of the file.
    pub digest: Digest,
    /// Of the tar inside.
    pub diff_id: Digest,
}

/// A disk that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Length of the file; it may have holes.
    pub bytes: u64,
    pub inodes: u64,
}

/// Makes the disk `out` (which must not exist; its folder also takes scratch files) of `layers`,
/// lowest first, and syncs it. `on_layer` is told of each layer that is done. Blocks the thread.
pub fn convert(
    layers: &[Layer],
    out: &Path,
    limits: &Limits,
    mut on_layer: impl FnMut(&Layer),
) -> Result<Disk, ImageError> {
    let disk = File::options().read(true).write(true).create_new(true).open(out);
    let disk = disk.map_err(ImageError::io("create the disk of the image"))?;
    let scratch = out.parent().unwrap_or(Path::new("."));
    let mut data = DataArea::new(disk, erofs::FIRST_DATA_BLOCK, scratch).map_err(write_failed())?;
    let (mut tree, mut budget) = (Tree::new(), Budget::new(limits.max_entries));
    let mut room = limits.max_unpacked_bytes;
    for layer in layers {
        room -= add_layer(layer, &mut tree, &mut data, &mut budget, limits, room)?;
        on_layer(layer);
    }
    let written = erofs::write(&tree, data).map_err(write_failed())?;
    written.file.sync_all().map_err(write_failed())?;
    Ok(Disk { bytes: written.bytes, inodes: written.inodes })
}

fn write_failed() -> impl FnOnce(std::io::Error) -> ImageError {
    ImageError::io("write the disk of the image")
}

/// Lays one layer over the tree and checks its digest; bytes that it unpacked to.
fn add_layer(
    layer: &Layer,
    tree: &mut Tree,
    data: &mut DataArea,
    budget: &mut Budget,
    limits: &Limits,
    room: u64,
) -> Result<u64, ImageError> {
    let file = File::open(&layer.path).map_err(ImageError::io("open a layer"))?;
    let transferred = file.metadata().map_err(ImageError::io("read a layer"))?.len();
    let own_limit = limits.unpacked_bytes_of(transferred);
    let mut tar = Unpacked::start(file, own_limit.min(room));
    let broken = |reason: String| ImageError::BrokenLayer { layer: layer.digest, reason };
    let merged = merge::merge_layer(&mut tar::Reader::new(&mut tar), tree, data, budget);
    if let Err(error) = merged {
        return Err(match (tar.take_failure(), error) {
            (Some(UnpackError::TooLarge(_)), _) => too_large(layer, own_limit, room, limits),
            (Some(failure), _) => broken(failure.to_string()),
            (None, MergeError::Disk(error)) => write_failed()(error),
            (None, MergeError::TooManyEntries(limit)) => {
                ImageError::TooLarge { what: "the number of entries".to_owned(), limit, key: "max_entries" }
            }
            (None, error) => broken(error.to_string()),
        });
    }
    let (found, bytes) = tar.finish().map_err(|error| match tar.take_failure() {
        Some(UnpackError::TooLarge(_)) => too_large(layer, own_limit, room, limits),
        _ => broken(error.to_string()),
    })?;
    if found != layer.diff_id {
        let what = format!("layer {} after decompression", layer.digest);
        return Err(ImageError::DigestMismatch { what, expected: layer.diff_id, found });
    }
    Ok(bytes)
}

fn too_large(layer: &Layer, own_limit: u64, room: u64, limits: &Limits) -> ImageError {
    if own_limit < room {
        let what = format!("what layer {} unpacks to (a possible decompression bomb)", layer.digest);
        ImageError::TooLarge { what, limit: own_limit, key: "max_ratio" }
    } else {
        let what = "the size of the unpacked layers".to_owned();
        ImageError::TooLarge { what, limit: limits.max_unpacked_bytes, key: "max_unpacked_bytes" }
    }
}
