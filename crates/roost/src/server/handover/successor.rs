//! The server that comes next, as the one before it sees it.

use std::{
    env,
    ffi::OsString,
    io::{self, Write as _},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use roost_catalog::Catalog;
use roost_edge::Sockets;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, Command},
    time::{sleep, timeout},
};

use super::{LONGEST_LINE, Loads, PREPARE_TIMEOUT, REPORT_EVERY, SERVE_TIMEOUT, ToNew, ToOld, descriptors};

/// Tells a server whose successor it is to be.
const TAKE_OVER: &str = "--take-over";

/// How a successor is started: the program that is at this one's path, with this one's arguments.
#[derive(Debug, Clone)]
pub struct Launch {
    program: PathBuf,
    arguments: Vec<OsString>,
}

/// A server that has started and waits for its roles.
pub struct Successor {
    child: Child,
    stream: BufReader<tokio::net::UnixStream>,
}

impl Launch {
    /// Asked at the start: later the path would be that of a file which is gone.
    pub fn of_this_server() -> io::Result<Self> {
        let arguments = env::args_os().skip(1).filter(|argument| argument != TAKE_OVER).collect();
        Ok(Self { program: env::current_exe()?, arguments })
    }
}

impl Successor {
    /// Starts the next server and gives it the sockets; returns when it has read its configuration.
    pub async fn start(launch: &Launch, sockets: &Sockets) -> anyhow::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new(&launch.program);
        command.args(&launch.arguments).arg(TAKE_OVER).stdin(OwnedFd::from(theirs)).kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("cannot run {}", launch.program.display()))?;
        // Ours alone now: the end of the child is the end of the stream.
        drop(command);
        give(&ours, sockets).context("it took no sockets")?;
        ours.set_nonblocking(true)?;
        let stream = BufReader::new(tokio::net::UnixStream::from_std(ours)?);
        let mut successor = Self { child, stream };
        successor.hear(ToOld::Prepared, PREPARE_TIMEOUT).await?;
        Ok(successor)
    }

    /// Lets it have the roles; returns when it serves.
    pub async fn release(&mut self, catalog: &Catalog) -> anyhow::Result<()> {
        self.say(&ToNew::Released(loads(catalog))).await?;
        self.hear(ToOld::Serving, SERVE_TIMEOUT).await
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Ends it: it came to nothing.
    pub async fn abandon(mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::warn!(%error, "cannot end the new server");
        }
    }

    /// Tells it what this server still carries, until `drained`, or until it has ended itself.
    pub async fn follow_until(mut self, catalog: &Catalog, drained: impl Future<Output = ()>) {
        let telling = async {
            while self.say(&ToNew::Carrying(loads(catalog))).await.is_ok() {
                sleep(REPORT_EVERY).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = drained => {}
            () = telling => {}
        }
        // It outlives this process.
        std::mem::forget(self.child);
    }

    async fn say(&mut self, message: &ToNew) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line).await?;
        Ok(())
    }

    async fn hear(&mut self, expected: ToOld, limit: Duration) -> anyhow::Result<()> {
        let mut line = Vec::new();
        let mut reader = (&mut self.stream).take(LONGEST_LINE);
        let read = timeout(limit, reader.read_until(b'\n', &mut line)).await;
        read.with_context(|| format!("it did not answer within {limit:?}"))??;
        if line.is_empty() {
            bail!("it ended; its words are above");
        }
        let heard: ToOld = serde_json::from_slice(&line)?;
        ensure!(heard == expected, "it said {heard:?} instead of {expected:?}");
        Ok(())
    }
}

fn give(mut stream: &UnixStream, sockets: &Sockets) -> anyhow::Result<()> {
    stream.set_write_timeout(Some(PREPARE_TIMEOUT))?;
    let sockets = sockets.for_successor()?;
    let mut line = serde_json::to_vec(&ToNew::Sockets(sockets.keys().cloned().collect()))?;
    line.push(b'\n');
    stream.write_all(&line)?;
    for fd in sockets.values() {
        descriptors::send(stream, fd)?;
    }
    Ok(())
}

fn loads(catalog: &Catalog) -> Loads {
    let mut loads = Loads::new();
    for app in catalog.snapshot().apps() {
        let busy = app.routes.targets().filter(|target| target.load.in_flight() > 0);
        let counts: std::collections::BTreeMap<_, _> =
            busy.map(|target| (target.id.clone(), target.load.in_flight())).collect();
        if !counts.is_empty() {
            loads.insert(app.name.clone(), counts);
        }
    }
    loads
}
