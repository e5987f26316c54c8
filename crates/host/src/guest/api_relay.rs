//! A machine's connection to the api, passed on without looking inside: the host only says whose it is.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use roost_guest_api::{ApiOpened, ApiReader, ApiWriter, GuestClient, channel::MAX_API_STREAMS};
use roost_host_api::Introduction;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
};

use super::Identity;

/// Bytes read from the api at once.
const BUFFER: usize = 16 << 10;

/// A connection on which the api says nothing for so long is closed: a guest may have few.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// Relays of one machine: the connections that it may have, and as many that are about to end.
const MAX_RELAYS: usize = 2 * MAX_API_STREAMS;

/// The relays of one connection to a guest. They end with it, and when this is dropped.
pub struct Relays {
    socket: PathBuf,
    who: Identity,
    running: JoinSet<()>,
}

impl Relays {
    pub fn new(socket: PathBuf, who: Identity) -> Self {
        Self { socket, who, running: JoinSet::new() }
    }

    /// Takes a connection up, or closes it when there are too many.
    pub fn begin(&mut self, client: &GuestClient, opened: ApiOpened) {
        while self.running.try_join_next().is_some() {}
        let (reader, writer) = client.api_stream(opened);
        if self.running.len() >= MAX_RELAYS {
            tracing::debug!(machine = %self.who.machine, "too many connections of the machine to the api");
            return;
        }
        self.running.spawn(relay(reader, writer, self.socket.clone(), self.who.clone()));
    }

    pub fn end(&mut self) {
        self.running = JoinSet::new();
    }
}

async fn relay(reader: ApiReader, writer: ApiWriter, socket: PathBuf, who: Identity) {
    let api = match connect(&socket, &who).await {
        Ok(api) => api,
        Err(error) => {
            // Not louder: the machine decides how often.
            tracing::debug!(machine = %who.machine, %error, "the machine cannot reach the api");
            return;
        }
    };
    let (from_api, to_api) = api.into_split();
    // When the api has said everything, or is gone, so is the connection.
    tokio::select! {
        () = to_guest(from_api, &writer) => {}
        () = to_api_forever(reader, to_api) => {}
    }
}

async fn connect(socket: &Path, who: &Identity) -> io::Result<UnixStream> {
    let introduction = Introduction { app: who.app.clone(), machine: who.machine.clone() };
    let mut api = UnixStream::connect(socket).await?;
    api.write_all(&introduction.line()).await?;
    Ok(api)
}

async fn to_guest(mut api: OwnedReadHalf, guest: &ApiWriter) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(Ok(read)) = tokio::time::timeout(IDLE_TIMEOUT, api.read(&mut buffer)).await {
        if read == 0 || guest.write(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// Ends with the guest's connection. That the guest sends no more does not end it: an answer may come.
async fn to_api_forever(mut guest: ApiReader, mut api: OwnedWriteHalf) {
    while let Some(data) = guest.read().await {
        let written = if data.is_empty() { api.shutdown().await } else { api.write_all(&data).await };
        if written.is_err() {
            return;
        }
    }
}
