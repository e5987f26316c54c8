//! The log of one app: a few segments, the newest being written.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use roost_model::MachineId;
use tokio::sync::watch;

use super::{
    Entry,
    segment::{self, Line},
};

/// The ring is dropped in pieces of this part of it.
const SEGMENTS: u64 = 8;

/// No segment is smaller, however little is kept: one overlong line fits.
const MIN_SEGMENT: u64 = 64 << 10;

pub struct AppLog {
    dir: PathBuf,
    segment_bytes: u64,
    writer: Mutex<Writer>,
    newest: watch::Sender<u64>,
}

struct Writer {
    /// The segment that grows; none before the first line.
    open: Option<(File, u64)>,
    newest: u64,
}

impl AppLog {
    pub fn open(dir: PathBuf, bytes: u64) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        let mut writer = Writer { open: None, newest: 0 };
        if let Some(last) = segment::list(&dir)?.last() {
            let path = segment::path(&dir, *last);
            let length = segment::repair(&path)?;
            let (lines, _) = segment::read(&path, 0, u64::MAX)?;
            writer.newest = lines.last().map_or(*last, |line| line.cursor);
            writer.open = Some((File::options().append(true).open(&path)?, length));
        }
        let newest = watch::Sender::new(writer.newest);
        Ok(Self {
            dir,
            segment_bytes: (bytes / SEGMENTS).max(MIN_SEGMENT),
            writer: Mutex::new(writer),
            newest,
        })
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Changes whenever lines were written.
    pub fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Writes all lines or none. `next_cursor` gets the newest cursor so far.
    pub fn append(&self, entries: &[Entry], next_cursor: impl Fn(u64) -> u64) -> io::Result<()> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut newest = writer.newest;
        let mut bytes = Vec::new();
        let mut first = None;
        for entry in entries {
            newest = next_cursor(newest);
            first.get_or_insert(newest);
            serde_json::to_writer(&mut bytes, &line(entry, newest))?;
            bytes.push(b'\n');
        }
        let Some(first) = first else { return Ok(()) };
        self.write(&mut writer, first, &bytes)?;
        writer.newest = newest;
        self.newest.send_replace(newest);
        Ok(())
    }

    fn write(&self, writer: &mut Writer, first: u64, bytes: &[u8]) -> io::Result<()> {
        if writer.open.as_ref().is_none_or(|(_, length)| *length >= self.segment_bytes) {
            writer.open = Some(self.next_segment(first)?);
        }
        let Some((file, length)) = &mut writer.open else { return Ok(()) };
        if let Err(error) = file.write_all(bytes) {
            // Half a line would spoil the next one.
            file.set_len(*length)?;
            return Err(error);
        }
        *length += bytes.len() as u64;
        Ok(())
    }

    fn next_segment(&self, first: u64) -> io::Result<(File, u64)> {
        let segments = segment::list(&self.dir).or_else(|_| {
            // Expiry removed the folder of an app that was quiet for long.
            fs::create_dir_all(&self.dir).map(|()| Vec::new())
        })?;
        let excess = (segments.len() + 1).saturating_sub(SEGMENTS as usize);
        for oldest in &segments[..excess] {
            fs::remove_file(segment::path(&self.dir, *oldest))?;
        }
        let path = segment::path(&self.dir, first);
        Ok((File::options().append(true).create_new(true).open(path)?, 0))
    }

    pub fn last_seq(&self, machine: &MachineId, boot: u64) -> io::Result<u64> {
        for first in segment::list(&self.dir)?.into_iter().rev() {
            let (lines, _) = segment::read(&segment::path(&self.dir, first), 0, u64::MAX)?;
            let of_boot = |line: &Line| match line.origin {
                Some((b, seq)) if b == boot && line.machine == *machine => Some(seq),
                _ => None,
            };
            if let Some(seq) = lines.iter().rev().find_map(of_boot) {
                return Ok(seq);
            }
        }
        Ok(0)
    }
}

fn line(entry: &Entry, cursor: u64) -> Line {
    Line {
        cursor,
        timestamp: entry.timestamp,
        machine: entry.machine.clone(),
        process: entry.process.clone(),
        stream: entry.stream.to_owned(),
        message: entry.message.clone(),
        origin: entry.origin,
    }
}
