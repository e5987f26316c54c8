//! A guest's output on its way into the logs.

use std::time::Duration;

use jiff::Timestamp;
use roost_guest_api::{GuestEvent, LogRecord, channel::MAX_LINE};
use tokio::sync::mpsc;

use super::Identity;
use crate::logs::{Entry, Logs, stream_name};

/// Lines written at a time: what a guest may send unacknowledged, or less.
const BATCH: usize = 256;

/// A full disk is tried again this often; the guest keeps its lines meanwhile.
const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// Longest name of a process in a log line, in bytes.
const MAX_PROCESS: usize = 64;

pub struct Output {
    logs: Logs,
    who: Identity,
    /// Everything of this boot up to here is written.
    acked: u64,
}

impl Output {
    /// Goes on where an earlier process ended.
    pub async fn resume(logs: Logs, who: Identity) -> Self {
        let acked = logs.last_seq(&who.app, &who.machine, who.boot).await.unwrap_or_else(|error| {
            tracing::warn!(machine = %who.machine, %error, "log not read; lines may come twice");
            0
        });
        Self { logs, who, acked }
    }

    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// Writes `first` and the lines that wait behind it; returns the event that follows them, if it is
    /// another kind.
    pub async fn take(
        &mut self,
        first: GuestEvent,
        events: &mut mpsc::Receiver<GuestEvent>,
    ) -> Option<GuestEvent> {
        let (mut entries, mut newest, mut next) = (Vec::new(), self.acked, Some(first));
        while let Some(event) = next.take() {
            match self.entry(&event, newest) {
                Line::Entry(entry, seq) => {
                    entries.push(*entry);
                    newest = seq;
                }
                Line::Old => {}
                Line::Other => {
                    next = Some(event);
                    break;
                }
            }
            if entries.len() == BATCH {
                break;
            }
            next = events.try_recv().ok();
        }
        self.write(entries).await;
        self.acked = newest;
        next
    }

    async fn write(&self, entries: Vec<Entry>) {
        while let Err(error) = self.logs.append(&self.who.app, entries.clone()).await {
            tracing::warn!(app = %self.who.app, machine = %self.who.machine, %error, "output not written");
            tokio::time::sleep(WRITE_AGAIN).await;
        }
    }

    fn entry(&self, event: &GuestEvent, newest: u64) -> Line {
        match event {
            GuestEvent::Log(record) if record.seq <= newest => Line::Old,
            GuestEvent::Log(record) => Line::Entry(Box::new(self.record(record)), record.seq),
            GuestEvent::LogDropped { first_seq, count, bytes } => {
                let last = first_seq.saturating_add(*count).saturating_sub(1);
                let message = format!(
                    "{count} lines of output ({bytes} bytes) were dropped: they came faster than they could be kept"
                );
                let entry = Entry {
                    origin: Some((self.who.boot, last)),
                    ..Entry::system(&self.who.machine, message)
                };
                if last <= newest { Line::Old } else { Line::Entry(Box::new(entry), last) }
            }
            _ => Line::Other,
        }
    }

    fn record(&self, record: &LogRecord) -> Entry {
        Entry {
            machine: self.who.machine.clone(),
            process: bounded(&record.process, MAX_PROCESS).to_owned(),
            stream: stream_name(record.stream),
            message: bounded(&record.line, MAX_LINE).to_owned(),
            // A guest's clock is its own affair, but it must be a time.
            timestamp: Timestamp::from_nanosecond(record.unix_ns.into()).unwrap_or_else(|_| Timestamp::now()),
            origin: Some((self.who.boot, record.seq)),
        }
    }
}

enum Line {
    /// To be written, with its sequence number.
    Entry(Box<Entry>, u64),
    /// Written already, in an earlier connection.
    Old,
    Other,
}

/// `init` keeps to these lengths; whoever took its place may not.
fn bounded(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}
