//! `image.json`: what is known of an image beside its disk.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::Image;
use crate::{Digest, ImageConfig};

/// Changes when the disk or this file get another form: older images are then made anew.
const VERSION: u32 = 1;

pub const DISK: &str = "disk.erofs";
const FILE: &str = "image.json";

#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    disk_bytes: u64,
    config: ImageConfig,
    /// Blobs that the image was made of.
    pub blobs: Vec<Digest>,
}

impl Record {
    pub fn new(disk_bytes: u64, config: ImageConfig, blobs: Vec<Digest>) -> Self {
        Self { version: VERSION, disk_bytes, config, blobs }
    }

    /// Writes the record beside the disk.
    pub fn save(&self, dir: &Path) -> io::Result<()> {
        crate::durable::write(&dir.join(FILE), &serde_json::to_vec(self)?, dir)
    }

    /// The record in an image's folder, if its disk is there as well.
    pub fn load(dir: &Path) -> Option<Self> {
        let record: Self = serde_json::from_slice(&fs::read(dir.join(FILE)).ok()?).ok()?;
        let is_whole = fs::metadata(dir.join(DISK)).is_ok_and(|disk| disk.len() == record.disk_bytes);
        (record.version == VERSION && is_whole).then_some(record)
    }

    pub fn image(&self, digest: Digest, dir: &Path) -> Image {
        Image {
            digest: digest.to_string(),
            disk: dir.join(DISK),
            disk_bytes: self.disk_bytes,
            config: self.config.clone(),
        }
    }
}

/// Every image in a folder. What cannot be read is removed: a pull makes it again.
pub fn load_all(images: &Path) -> io::Result<HashMap<Digest, Arc<Image>>> {
    let mut found = HashMap::new();
    for (digest, dir) in folders(images)? {
        match (digest, Record::load(&dir)) {
            (Some(digest), Some(record)) => drop(found.insert(digest, Arc::new(record.image(digest, &dir)))),
            _ => fs::remove_dir_all(&dir)?,
        }
    }
    Ok(found)
}

fn folders(images: &Path) -> io::Result<Vec<(Option<Digest>, PathBuf)>> {
    let entries = fs::read_dir(images)?;
    let digest = |name: &std::ffi::OsStr| format!("sha256:{}", name.to_string_lossy()).parse().ok();
    entries.map(|entry| entry.map(|entry| (digest(&entry.file_name()), entry.path()))).collect()
}
