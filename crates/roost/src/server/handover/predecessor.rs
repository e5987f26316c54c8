//! The server before this one, as this one sees it.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    time::Duration,
};

use anyhow::{Context as _, bail};
use roost_catalog::Catalog;
use roost_edge::Sockets;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _},
    time::timeout,
};

use super::{LONGEST_LINE, Loads, PREPARE_TIMEOUT, SERVE_TIMEOUT, ToNew, ToOld, descriptors};

/// How long sockets that this server does not want stay open: until it knows every app's ports.
const UNWANTED_AFTER: Duration = Duration::from_secs(30);

/// For this server's catalog to know the machines that the predecessor speaks of.
const CATALOG_PATIENCE: Duration = Duration::from_secs(30);

/// A predecessor that waits for this server.
pub struct Predecessor {
    stream: UnixStream,
    sockets: Sockets,
}

/// A predecessor that has ended all but its edge.
pub struct Released {
    stream: tokio::io::BufReader<tokio::net::UnixStream>,
    sockets: Sockets,
    carried: Loads,
}

impl Predecessor {
    /// Takes its sockets, from the other end of standard input.
    pub fn meet() -> anyhow::Result<Self> {
        let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        Self::meet_at(stream).context("--take-over is for servers that another one has started")
    }

    fn meet_at(stream: UnixStream) -> anyhow::Result<Self> {
        stream.set_read_timeout(Some(PREPARE_TIMEOUT))?;
        // Byte by byte: what follows the line are not bytes alone.
        let mut line = Vec::new();
        let mut reader = BufReader::with_capacity(1, &stream).take(LONGEST_LINE);
        reader.read_until(b'\n', &mut line)?;
        let ToNew::Sockets(names) = serde_json::from_slice(&line)? else { bail!("no sockets came") };
        let received = |name| Ok((name, descriptors::receive(&stream)?));
        let sockets: io::Result<BTreeMap<String, OwnedFd>> = names.into_iter().map(received).collect();
        Ok(Self { sockets: Sockets::inherited(sockets?), stream })
    }

    pub fn sockets(&self) -> Sockets {
        self.sockets.clone()
    }

    /// Says that this server can start, and waits until its roles are free.
    pub async fn released(self) -> anyhow::Result<Released> {
        say(&self.stream, ToOld::Prepared)?;
        self.stream.set_nonblocking(true)?;
        let stream = tokio::net::UnixStream::from_std(self.stream)?;
        let mut stream = tokio::io::BufReader::new(stream);
        match timeout(SERVE_TIMEOUT, next(&mut stream)).await?? {
            Some(ToNew::Released(carried)) => Ok(Released { stream, sockets: self.sockets, carried }),
            _ => bail!("the server before this one keeps its roles"),
        }
    }
}

impl Released {
    /// Notes what the predecessor carries, so that none of its machines is put to sleep.
    pub async fn note_loads(&self, catalog: &Catalog) {
        let known = catalog.wait_for(|snapshot| (!snapshot.hosts().is_empty()).then_some(()));
        if timeout(CATALOG_PATIENCE, known).await.is_err() {
            tracing::warn!("no host tells of its machines");
        }
        note(catalog, &self.carried);
    }

    /// Says that this server serves; the predecessor's connections are counted from here until it has ended.
    pub fn serving(mut self, catalog: Catalog) -> io::Result<()> {
        let message = line(&ToOld::Serving)?;
        self.stream.get_ref().try_write(&message)?;
        let unwanted = self.sockets.clone();
        tokio::spawn(async move {
            tokio::time::sleep(UNWANTED_AFTER).await;
            unwanted.drop_unwanted();
        });
        tokio::spawn(async move {
            while let Ok(Some(ToNew::Carrying(loads))) = next(&mut self.stream).await {
                note(&catalog, &loads);
            }
            note(&catalog, &Loads::new());
            tracing::info!("the server before this one has ended");
        });
        Ok(())
    }
}

fn note(catalog: &Catalog, loads: &Loads) {
    for app in catalog.snapshot().apps() {
        let carried = loads.get(&app.name);
        for target in app.routes.targets() {
            let count = carried.and_then(|carried| carried.get(&target.id)).copied().unwrap_or(0);
            target.load.carried_elsewhere(count);
        }
    }
}

/// The next message; `None` at the end.
async fn next(stream: &mut tokio::io::BufReader<tokio::net::UnixStream>) -> anyhow::Result<Option<ToNew>> {
    let mut line = Vec::new();
    stream.take(LONGEST_LINE).read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

fn line(message: &ToOld) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

fn say(mut stream: &UnixStream, message: ToOld) -> io::Result<()> {
    stream.write_all(&line(&message)?)
}
