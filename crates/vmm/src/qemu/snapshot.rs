//! Pausing, keeping and loading a machine, over QEMU's control socket.
//!
//! What QEMU calls a migration: all of the machine as one stream, pages of zeroes left out, into a file and
//! later out of it. The guest's memory itself stays anonymous while it runs, so that nothing writes it to
//! disk behind the back of a running machine.

use std::{path::Path, time::Duration};

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::qmp::Qmp;
use crate::{
    VmmError,
    snapshot::{self, Stream},
};

/// Between two looks at a migration: the shortest take some dozens of milliseconds.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A migration that comes to no end by then: 2 GiB at the pace of a slow disk on a busy host.
const TIME_LIMIT: Duration = Duration::from_secs(300);

/// From the end of a migration to that of its stream: a pipe's content.
const STREAM_LIMIT: Duration = Duration::from_secs(30);

/// QEMU bounds migrations for the sake of networks; a file needs no bound. Bytes a second.
const NO_BANDWIDTH_LIMIT: u64 = 1 << 40;

/// The descriptor's name in QEMU.
const STREAM: &str = "snapshot";

pub(super) async fn pause(qmp: &mut Qmp) -> Result<(), VmmError> {
    // After an earlier save nothing can be saved again before the guest has run.
    if status(qmp).await? == "postmigrate" {
        go_on(qmp).await?;
    }
    qmp.execute("stop", json!({})).await.map(drop)
}

pub(super) async fn go_on(qmp: &mut Qmp) -> Result<(), VmmError> {
    qmp.execute("cont", json!({})).await.map(drop)
}

/// Returns the bytes on disk.
pub(super) async fn save(qmp: &mut Qmp, folder: &Path, limit: u64) -> Result<u64, VmmError> {
    // Of an agent that died meanwhile: nobody takes what it writes.
    qmp.execute("migrate_cancel", json!({})).await?;
    settle(qmp).await?;
    qmp.execute("migrate-set-parameters", json!({ "max-bandwidth": NO_BANDWIDTH_LIMIT })).await?;
    let (stream, descriptor) = Stream::into_file(&snapshot::state(folder), limit)?;
    qmp.give(STREAM, descriptor).await?;
    qmp.execute("migrate", json!({ "uri": format!("fd:{STREAM}") })).await?;
    let migrated = completed(qmp, "migrate").await;
    if migrated.is_err() {
        // Ends the stream, if it has not ended by itself.
        let _ = qmp.execute("migrate_cancel", json!({})).await;
    }
    let copied = stream.end(STREAM_LIMIT).await;
    migrated.and(copied)?;
    snapshot::size(folder).map_err(|source| VmmError::Io { what: "measuring a snapshot".into(), source })
}

/// Into a QEMU that was started to take it; its processors stand still afterwards.
pub(super) async fn load(qmp: &mut Qmp, folder: &Path) -> Result<(), VmmError> {
    let (stream, descriptor) = Stream::of_file(&snapshot::state(folder))?;
    qmp.give(STREAM, descriptor).await?;
    qmp.execute("migrate-incoming", json!({ "uri": format!("fd:{STREAM}") })).await?;
    completed(qmp, "migrate-incoming").await?;
    // QEMU may have needed less than the file holds; it has closed its end then.
    drop(stream);
    Ok(())
}

/// Waits for the end of the migration that `command` began.
async fn completed(qmp: &mut Qmp, command: &str) -> Result<(), VmmError> {
    // An incoming one has no status yet when its command is answered.
    match until(qmp, |status| matches!(status, "completed" | "failed" | "cancelled")).await?.as_str() {
        "completed" => Ok(()),
        status => {
            let answer = qmp.execute("query-migrate", json!({})).await?;
            let reason = answer["error-desc"].as_str().unwrap_or(status).to_owned();
            Err(VmmError::Refused { command: command.to_owned(), reason })
        }
    }
}

/// Waits until no migration is under way.
async fn settle(qmp: &mut Qmp) -> Result<(), VmmError> {
    until(qmp, |status| matches!(status, "" | "none" | "completed" | "failed" | "cancelled")).await.map(drop)
}

/// The first status that is to be waited for; it is empty as long as there was no migration.
async fn until(qmp: &mut Qmp, wanted: impl Fn(&str) -> bool) -> Result<String, VmmError> {
    let give_up = Instant::now() + TIME_LIMIT;
    loop {
        let answer = qmp.execute("query-migrate", json!({})).await?;
        let status = answer["status"].as_str().unwrap_or_default();
        if wanted(status) {
            return Ok(status.to_owned());
        }
        if Instant::now() > give_up {
            return Err(VmmError::NoAnswer { after: TIME_LIMIT });
        }
        sleep(LOOK_AGAIN).await;
    }
}

async fn status(qmp: &mut Qmp) -> Result<String, VmmError> {
    let answer = qmp.execute("query-status", json!({})).await?;
    Ok(answer["status"].as_str().unwrap_or_default().to_owned())
}
