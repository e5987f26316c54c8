//! h2load (nghttp2): many small requests over HTTP/1.1 and HTTP/2.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

use super::Done;
use crate::certificate::HOST_NAME;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One request at a time on each of 64 connections.
    Http1,
    Http1Tls,
    /// Eight at a time on each of eight.
    Http2,
}

pub async fn run(address: SocketAddr, kind: Kind, count: usize, folder: &Path) -> Result<Done> {
    let log = folder.join("h2load.log");
    let _ = fs::remove_file(&log);
    let scheme = if kind == Kind::Http1 { "http" } else { "https" };
    let mut command = Command::new("h2load");
    command.args(["-t", "1", "-n", &count.to_string()]).arg(format!("--connect-to={address}"));
    match kind {
        Kind::Http1 | Kind::Http1Tls => command.args(["--h1", "-c", "64"]),
        Kind::Http2 => command.args(["-c", "8", "-m", "8"]),
    };
    command.arg(format!("--log-file={}", log.display())).arg(format!("{scheme}://{HOST_NAME}/"));
    let output = command.output().await.context("cannot run h2load (package nghttp2-client)")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let good = format!("{count} succeeded, 0 failed, 0 errored, 0 timeout");
    ensure!(said.contains(&good), "h2load: not every request was answered: {said}");
    ensure!(said.contains(&format!("status codes: {count} 2xx")), "h2load: not every answer was 200: {said}");
    if kind == Kind::Http2 {
        ensure!(said.contains("Application protocol: h2"), "h2load did not speak HTTP/2: {said}");
    }
    latencies(&log).map(Done::of)
}

/// Microseconds are in the third column.
fn latencies(log: &Path) -> Result<Vec<Duration>> {
    let text = fs::read_to_string(log)?;
    let lines = text.lines().map(|line| line.split('\t').nth(2).and_then(|time| time.trim().parse().ok()));
    lines.map(|time| time.map(Duration::from_micros).context("h2load wrote another log")).collect()
}
