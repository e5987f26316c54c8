//! Hands rules to the kernel through the `nft` program, whose text form is the only stable interface.

use std::process::Stdio;

use tokio::{io::AsyncWriteExt, process::Command};

use crate::{NetError, error::Context};

/// Applies a script as one transaction: all of it or nothing.
pub(crate) async fn apply(script: &str) -> Result<(), NetError> {
    let mut command = Command::new("nft");
    command
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => NetError::NftMissing,
        _ => NetError::Io { what: "starting nft".into(), source },
    })?;
    if let Some(mut stdin) = child.stdin.take() {
        // If it does not read to the end, it says why below.
        let _ = stdin.write_all(script.as_bytes()).await;
    }
    let output = child.wait_with_output().await.context("waiting for nft")?;
    if output.status.success() {
        return Ok(());
    }
    Err(NetError::Nft { stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}
