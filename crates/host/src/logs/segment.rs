//! Files of log lines: `<first cursor>.log`, a JSON object a line, only ever appended to.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    time::SystemTime,
};

use jiff::Timestamp;
use roost_model::MachineId;
use serde::{Deserialize, Serialize};

const EXTENSION: &str = "log";

/// A line as it is on disk. Short keys: they are written millions of times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    #[serde(rename = "c")]
    pub cursor: u64,
    #[serde(rename = "t")]
    pub timestamp: Timestamp,
    #[serde(rename = "m")]
    pub machine: MachineId,
    #[serde(rename = "p")]
    pub process: String,
    #[serde(rename = "s")]
    pub stream: String,
    #[serde(rename = "l")]
    pub message: String,
    /// Boot of the machine and sequence number in it.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<(u64, u64)>,
}

pub fn path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.{EXTENSION}"))
}

/// First cursors of the segments in `dir`, oldest first.
pub fn list(dir: &Path) -> io::Result<Vec<u64>> {
    let mut firsts = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|s| s.to_str());
        if path.extension().is_some_and(|e| e == EXTENSION)
            && let Some(first) = stem.and_then(|s| s.parse().ok())
        {
            firsts.push(first);
        }
    }
    firsts.sort_unstable();
    Ok(firsts)
}

/// Whole lines from `offset` on, at most about `limit` bytes of them, and where the next ones begin.
/// Lines that can not be read are skipped.
pub fn read(path: &Path, offset: u64, limit: u64) -> io::Result<(Vec<Line>, u64)> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let lines = bytes[..whole].split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    Ok((lines.collect(), offset + whole as u64))
}

/// Cuts off a last line that was not written whole; returns the length that is left.
pub fn repair(path: &Path) -> io::Result<u64> {
    let bytes = fs::read(path)?;
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1) as u64;
    if whole < bytes.len() as u64 {
        File::options().write(true).open(path)?.set_len(whole)?;
    }
    Ok(whole)
}

/// Removes segments of all apps that were last written before `limit`, and folders that are left empty.
pub fn remove_older(dir: &Path, limit: SystemTime) -> io::Result<()> {
    for app in fs::read_dir(dir)? {
        let app = app?.path();
        for first in list(&app)? {
            let segment = path(&app, first);
            if fs::metadata(&segment)?.modified()? < limit {
                fs::remove_file(&segment)?;
            }
        }
        // Fails when there still are segments.
        let _ = fs::remove_dir(&app);
    }
    Ok(())
}
