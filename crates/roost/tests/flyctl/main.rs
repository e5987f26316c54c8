//! The real flyctl, unmodified, drives a server with real VMs. What each command did is looked for where
//! it must show: in the VM, at the edge, on disk, in our own API; an exit code alone proves nothing.
//!
//! docs/flyctl.md lists the commands, and `page` holds it to the calls in these files.

mod accounts;
mod addresses;
mod deploy;
mod fly;
mod interrupted;
mod launch;
mod look;
mod machines;
mod page;
mod scale;
mod secrets;
mod shop;
#[path = "../support/mod.rs"]
mod support;
mod tokens;
mod volumes;

use anyhow::{Context, Result};
use roost_testbed::App;
use serde_json::Value;

/// Every piece of text is there.
#[track_caller]
fn assert_says(text: &str, pieces: &[&str]) {
    for piece in pieces {
        assert!(text.contains(piece), "{piece:?} is missing in:\n{text}");
    }
}

/// The machine that answers for the app at the edge.
async fn answering_machine(app: &App<'_>) -> Result<String> {
    let answer: Value = serde_json::from_str(&app.get("/").await?)?;
    Ok(answer["machine"].as_str().unwrap_or_default().to_owned())
}

/// A machine as our API shows it.
async fn machine(app: &App<'_>, id: &str) -> Result<Value> {
    let machines = app.machines().await?;
    machines.into_iter().find(|m| m["id"] == id).with_context(|| format!("no machine {id}"))
}
