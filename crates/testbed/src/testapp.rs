//! The web server that tests deploy: `guest/testapp.c`, compiled once.

use std::{path::PathBuf, process::Command, sync::OnceLock};

use anyhow::{Context, Result, ensure};

use crate::oci::OciImage;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/guest/testapp.c");

/// The static binary's bytes.
pub fn binary() -> Result<&'static [u8]> {
    static BINARY: OnceLock<Vec<u8>> = OnceLock::new();
    if let Some(bytes) = BINARY.get() {
        return Ok(bytes);
    }
    let folder = tempfile::tempdir()?;
    let output: PathBuf = folder.path().join("testapp");
    let status = Command::new("musl-gcc")
        .args(["-O2", "-static", "-pthread", "-Wall", "-Wextra", "-Werror", SOURCE, "-o"])
        .arg(&output)
        .status()
        .context("run musl-gcc: install the package musl-tools")?;
    ensure!(status.success(), "musl-gcc failed on {SOURCE}");
    let bytes = std::fs::read(&output)?;
    Ok(BINARY.get_or_init(|| bytes))
}

/// An image of the test app that answers with `version`.
pub fn image(version: &str) -> Result<OciImage> {
    image_with(&[("VERSION", version)])
}

/// An image that says why and exits with code 3 at once.
pub fn crashing_image() -> Result<OciImage> {
    image_with(&[("CRASH", "3")])
}

/// An image with these variables, which the app's source explains.
pub fn image_with(env: &[(&str, &str)]) -> Result<OciImage> {
    let env = env.iter().map(|(name, value)| format!("{name}={value}"));
    let env: Vec<String> = ["PATH=/".to_owned()].into_iter().chain(env).collect();
    OciImage::new()
        .file("app", 0o755, binary()?)
        .directory("tmp", 0o1777)
        .config("Entrypoint", serde_json::json!(["/app"]))
        .config("Env", serde_json::json!(env))
        .config("ExposedPorts", serde_json::json!({"8080/tcp": {}}))
        .build()
}
