//! The output of machines, and Roost's own words about them: a bounded ring on disk for each app.
//!
//! Responsible for: giving each line its cursor, keeping the newest lines of an app, and reading
//! them from any cursor on, with new ones as they come. A line is "written" once it is in the file:
//! it then survives this process, and the guest may forget it. (A loss of power ends the guests as
//! well; flushing each line would slow every app down for nothing.)

mod app;
mod reader;
mod segment;

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use roost_guest_api::{LogStream, channel::MAX_LINE};
use roost_host_api::{LogLine, LogQuery, NewLogLine};
use roost_model::{AppName, MachineId, Region};
use tokio::task::spawn_blocking;

use self::{app::AppLog, reader::Reader};

/// Lines of an app whose machines are all gone are kept this long.
const KEEP: Duration = Duration::from_secs(7 * 24 * 3600);

/// Lines given when the query does not say how many.
const DEFAULT_TAIL: u32 = 100;

/// Who speaks when it is not the app.
const SYSTEM: &str = "system";

/// A line to be written.
#[derive(Debug, Clone)]
pub struct Entry {
    pub machine: MachineId,
    pub process: String,
    /// `stdout`, `stderr` or `system`.
    pub stream: &'static str,
    pub message: String,
    pub timestamp: Timestamp,
    /// Boot of the machine and sequence number in it, for lines that a guest sent.
    pub origin: Option<(u64, u64)>,
}

impl Entry {
    pub fn system(machine: &MachineId, message: String) -> Self {
        Self {
            machine: machine.clone(),
            process: "roost".to_owned(),
            stream: SYSTEM,
            message,
            timestamp: Timestamp::now(),
            origin: None,
        }
    }
}

impl From<NewLogLine> for Entry {
    fn from(line: NewLogLine) -> Self {
        let NewLogLine { timestamp, machine, process, message } = line;
        let machine = machine.unwrap_or_else(MachineId::none);
        let message = message[..message.floor_char_boundary(MAX_LINE)].to_owned();
        Self { machine, process, stream: SYSTEM, message, timestamp, origin: None }
    }
}

pub fn stream_name(stream: LogStream) -> &'static str {
    match stream {
        LogStream::Stdout => "stdout",
        LogStream::Stderr => "stderr",
    }
}

/// A cheap handle.
#[derive(Clone)]
pub struct Logs(Arc<Shared>);

struct Shared {
    dir: PathBuf,
    region: Region,
    bytes_per_app: u64,
    /// The newest cursor given out.
    cursor: AtomicU64,
    apps: Mutex<HashMap<AppName, Arc<AppLog>>>,
}

impl Logs {
    pub fn open(dir: PathBuf, region: Region, bytes_per_app: u64) -> io::Result<Self> {
        std::fs::create_dir_all(&dir)?;
        let cursor = AtomicU64::new(0);
        Ok(Self(Arc::new(Shared { dir, region, bytes_per_app, cursor, apps: Mutex::default() })))
    }

    /// Returns once the lines are written, all or none.
    pub async fn append(&self, app: &AppName, entries: Vec<Entry>) -> io::Result<()> {
        let (log, shared) = (self.app(app)?, self.0.clone());
        blocking(move || log.append(&entries, |newest| shared.next_cursor(newest))).await
    }

    /// A line of Roost's own. That it can not be written is no reason to stop what it tells of.
    pub async fn say(&self, app: &AppName, machine: &MachineId, message: String) {
        tracing::info!(%app, %machine, message, "machine");
        if let Err(error) = self.append(app, vec![Entry::system(machine, message)]).await {
            tracing::warn!(%app, %machine, %error, "log line not written");
        }
    }

    /// The last sequence number of this boot of the machine that is written; 0 when none is.
    pub async fn last_seq(&self, app: &AppName, machine: &MachineId, boot: u64) -> io::Result<u64> {
        let (log, machine) = (self.app(app)?, machine.clone());
        blocking(move || log.last_seq(&machine, boot)).await
    }

    /// The lines that `query` asks for, from the oldest on.
    pub async fn query(&self, query: &LogQuery) -> io::Result<LogCursor> {
        let app: AppName = query.app.parse().map_err(io::Error::other)?;
        let log = self.app(&app)?;
        let (machine, tail, after) = (query.machine.clone(), query.tail.unwrap_or(DEFAULT_TAIL), query.after);
        let newest = log.newest();
        let reader = blocking(move || match after {
            Some(after) => Ok(Reader::after(log, after, machine)),
            None => Reader::tail(log, tail as usize, machine),
        })
        .await?;
        let (region, follow) = (self.0.region.clone(), query.follow);
        Ok(LogCursor { reader: Some(reader), newest, follow, app, region })
    }

    /// Removes what is older than is kept, for all apps.
    pub async fn expire(&self) -> io::Result<()> {
        let shared = self.0.clone();
        blocking(move || segment::remove_older(&shared.dir, SystemTime::now() - KEEP)).await
    }

    fn app(&self, app: &AppName) -> io::Result<Arc<AppLog>> {
        let mut apps = self.0.apps.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = apps.get(app) {
            return Ok(log.clone());
        }
        let log = Arc::new(AppLog::open(self.0.dir.join(app.as_str()), self.0.bytes_per_app)?);
        apps.insert(app.clone(), log.clone());
        Ok(log)
    }
}

impl Shared {
    /// Microseconds since 1970, or just more than `newest` and every other cursor when the clock went
    /// back: so cursors grow across restarts, and their order across hosts is about that of time.
    fn next_cursor(&self, newest: u64) -> u64 {
        let now = u64::try_from(Timestamp::now().as_microsecond()).unwrap_or(0);
        let next = |last: u64| now.max(last + 1).max(newest + 1);
        let last = self.cursor.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        last.map_or(now, next)
    }
}

/// Reads on from where it is.
pub struct LogCursor {
    /// Away while a batch is being read.
    reader: Option<Reader>,
    newest: tokio::sync::watch::Receiver<u64>,
    follow: bool,
    app: AppName,
    region: Region,
}

impl LogCursor {
    /// The next lines, at least one; `None` when there are no more and none are waited for.
    pub async fn next(&mut self) -> io::Result<Option<Vec<LogLine>>> {
        loop {
            self.newest.mark_unchanged();
            let Some(mut reader) = self.reader.take() else { return Ok(None) };
            let (reader, batch) = blocking(move || {
                let batch = reader.next_batch()?;
                Ok((reader, batch))
            })
            .await?;
            self.reader = Some(reader);
            match batch {
                Some(lines) if lines.is_empty() => {}
                Some(lines) => return Ok(Some(lines.into_iter().map(|line| self.line(line)).collect())),
                None if !self.follow => return Ok(None),
                None => {
                    if self.newest.changed().await.is_err() {
                        return Ok(None);
                    }
                }
            }
        }
    }

    fn line(&self, line: segment::Line) -> LogLine {
        LogLine {
            cursor: line.cursor,
            timestamp: line.timestamp,
            app: self.app.clone(),
            machine: line.machine,
            region: self.region.clone(),
            process: line.process,
            stream: line.stream,
            message: line.message,
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests;
