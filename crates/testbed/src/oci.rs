//! Makes OCI image layouts from a few files, without a builder.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// An image in the OCI layout, in a folder that goes with the value.
pub struct OciImage {
    folder: TempDir,
    /// Digest of the manifest.
    pub digest: String,
}

impl OciImage {
    #[expect(clippy::new_ret_no_self, reason = "the builder is how an image is made")]
    pub fn new() -> OciImageBuilder {
        OciImageBuilder {
            layer: tar::Builder::new(Vec::new()),
            config: Map::new(),
            architecture: "amd64".to_owned(),
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

pub struct OciImageBuilder {
    layer: tar::Builder<Vec<u8>>,
    config: Map<String, Value>,
    architecture: String,
}

impl OciImageBuilder {
    pub fn file(mut self, path: &str, mode: u32, content: &[u8]) -> Self {
        let mut header = tar::Header::new_gnu();
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        self.layer.append_data(&mut header, path, content).expect("append to memory");
        self
    }

    pub fn directory(mut self, path: &str, mode: u32) -> Self {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(mode);
        header.set_size(0);
        self.layer.append_data(&mut header, path, std::io::empty()).expect("append to memory");
        self
    }

    /// Sets a key of the image's `config` object.
    pub fn config(mut self, key: &str, value: Value) -> Self {
        self.config.insert(key.to_owned(), value);
        self
    }

    pub fn architecture(mut self, name: &str) -> Self {
        self.architecture = name.to_owned();
        self
    }

    pub fn build(self) -> Result<OciImage> {
        let layer = self.layer.into_inner()?;
        build(layer, self.config, &self.architecture)
    }

    /// As `build`, with these bytes in place of the layer's tar.
    pub fn build_with_layer(self, layer: Vec<u8>) -> Result<OciImage> {
        build(layer, self.config, &self.architecture)
    }
}

fn build(layer: Vec<u8>, config: Map<String, Value>, architecture: &str) -> Result<OciImage> {
    let folder = tempfile::tempdir()?;
    let blobs = folder.path().join("blobs/sha256");
    std::fs::create_dir_all(&blobs)?;
    let diff_id = digest(&layer);
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [],
    });
    let config = put(&blobs, &serde_json::to_vec(&config)?, "application/vnd.oci.image.config.v1+json")?;
    let layer = put(&blobs, &layer, "application/vnd.oci.image.layer.v1.tar")?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": [layer],
    });
    let manifest =
        put(&blobs, &serde_json::to_vec(&manifest)?, "application/vnd.oci.image.manifest.v1+json")?;
    let digest = manifest["digest"].as_str().unwrap_or_default().to_owned();
    let index = json!({"schemaVersion": 2, "manifests": [manifest]});
    std::fs::write(folder.path().join("index.json"), serde_json::to_vec(&index)?)?;
    std::fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
    Ok(OciImage { folder, digest })
}

/// Writes a blob and gives its descriptor.
fn put(blobs: &Path, bytes: &[u8], media_type: &str) -> Result<Value> {
    let digest = digest(bytes);
    let path: PathBuf = blobs.join(digest.trim_start_matches("sha256:"));
    std::fs::write(path, bytes)?;
    Ok(json!({"mediaType": media_type, "digest": digest, "size": bytes.len()}))
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}
