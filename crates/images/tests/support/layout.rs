//! OCI image layouts made by hand.

use std::{fs, path::Path};

use roost_images::Digest;
use serde_json::{Value, json};

pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A layout in a folder.
pub struct Layout {
    pub dir: tempfile::TempDir,
    /// Digest of the image's manifest.
    pub digest: String,
    pub manifest: Value,
}

impl Layout {
    /// An image of these layers (as transferred, and unpacked).
    pub fn new(layers: &[(Vec<u8>, Vec<u8>)], architecture: &str, config: Value) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("blobs/sha256")).unwrap();
        let diff_ids: Vec<_> = layers.iter().map(|(_, tar)| Digest::of(tar).to_string()).collect();
        let config = json!({
            "architecture": architecture, "os": "linux", "config": config,
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let config = put(
            dir.path(),
            &serde_json::to_vec(&config).unwrap(),
            "application/vnd.oci.image.config.v1+json",
        );
        let layer = "application/vnd.oci.image.layer.v1.tar+gzip";
        let layers: Vec<_> = layers.iter().map(|(bytes, _)| put(dir.path(), bytes, layer)).collect();
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        let top = put(dir.path(), &serde_json::to_vec(&manifest).unwrap(), MANIFEST);
        let digest = top["digest"].as_str().unwrap().to_owned();
        index(dir.path(), &[top]);
        Self { dir, digest, manifest }
    }

    /// One gzip layer with one file.
    pub fn with_file(name: &str, content: &[u8]) -> Self {
        let tar = super::Layer::new().file(name, content).tar();
        Self::new(&[(super::gzip(&tar), tar)], "amd64", json!({"Cmd": ["/app"], "Labels": {"a": "b"}}))
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// Adds a blob; its descriptor.
pub fn put(dir: &Path, bytes: &[u8], media_type: &str) -> Value {
    let digest = Digest::of(bytes);
    fs::write(dir.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
    json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
}

pub fn index(dir: &Path, manifests: &[Value]) {
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
    fs::write(dir.join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
    fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}
