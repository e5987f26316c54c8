//! What a volume holds at one moment, into the chunk store: also while a machine writes to it.
//!
//! A disk that nobody writes to is read as it is. Of a running machine the guest is told to write what it
//! holds back and to keep still; then the disk is cloned in no time where the host's file system can do
//! that. Elsewhere it is read twice: at leisure first, then, held still, for what has changed meanwhile.

use std::{
    fs::File,
    time::{Duration, Instant},
};

use roost_guest_api::GuestClient;
use roost_host_api::{ErrorBody, ErrorCode};
use roost_model::{MachineState, VolumeId};
use tokio::task::spawn_blocking;
use ulid::Ulid;

use super::{
    Volumes,
    chunks::{ChunkError, Contents},
    create::internal,
    disk::DiskError,
    no_volume,
};
use crate::{context::refuse, host::Host, owner::Command};

/// A machine that starts or stops, or a connection that breaks, is given this many tries.
const TRIES: u32 = 120;
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// Longest that a machine's writes are held. The guest lets go by itself a little later.
const MAX_HOLD: Duration = Duration::from_secs(50);
const HOLD_MARGIN: Duration = Duration::from_secs(10);

/// Who may be writing to a volume.
enum User {
    /// Nobody; as of this event of the machine that has it.
    Nobody(Option<Ulid>),
    Guest(Box<GuestClient>),
    /// A machine that is about to run, or to end.
    Unsettled,
}

/// A try that came to nothing.
struct Again(String);

impl Host {
    pub(super) async fn copy(&self, id: &VolumeId) -> Result<Contents, ErrorBody> {
        let volumes = &self.ctx().volumes;
        let busy = volumes.table.busy(id).ok_or_else(|| no_volume(id))?;
        let mut reason = String::new();
        for _ in 0..TRIES {
            let work = busy.work().await;
            let copied = match self.user_of(id).await? {
                User::Nobody(since) => self.copy_idle(id, since).await?,
                User::Guest(client) => volumes.copy_held(id, &client).await?,
                User::Unsettled => Err(Again("its machine starts or stops".to_owned())),
            };
            drop(work);
            match copied {
                Ok(contents) => return Ok(contents),
                Err(Again(why)) => reason = why,
            }
            tokio::time::sleep(TRY_AGAIN).await;
        }
        let text = format!("volume {id} could not be held still: {reason}; stop its machine, and try again");
        Err(refuse(ErrorCode::GuestUnavailable, text))
    }

    async fn user_of(&self, id: &VolumeId) -> Result<User, ErrorBody> {
        let Some(machine) = self.ctx().volumes.record(id)?.machine else { return Ok(User::Nobody(None)) };
        let Some(shown) = self.ctx().hub.get(&machine) else { return Ok(User::Unsettled) };
        match shown.state {
            MachineState::Started => match self.owner(&machine)?.ask(Command::Guest).await {
                Ok(client) => Ok(User::Guest(Box::new(client))),
                Err(_) => Ok(User::Unsettled),
            },
            state if state.is_transient() => Ok(User::Unsettled),
            _ => Ok(User::Nobody(shown.events.first().map(|event| event.id))),
        }
    }

    /// Gives way to a machine that wants to boot.
    async fn copy_idle(
        &self,
        id: &VolumeId,
        since: Option<Ulid>,
    ) -> Result<Result<Contents, Again>, ErrorBody> {
        let volumes = &self.ctx().volumes;
        let busy = volumes.table.busy(id).ok_or_else(|| no_volume(id))?;
        let disk = volumes.disk(id).open().map_err(|e| internal(&e))?;
        let copied = volumes.store(disk, move || !busy.is_wanted()).await?;
        match self.user_of(id).await? {
            User::Nobody(now) if now == since => Ok(copied),
            _ => Ok(Err(Again("its machine was started".to_owned()))),
        }
    }
}

impl Volumes {
    async fn copy_held(
        &self,
        id: &VolumeId,
        client: &GuestClient,
    ) -> Result<Result<Contents, Again>, ErrorBody> {
        if !self.clones {
            // Leaves less to do while the machine is held.
            let disk = self.disk(id).open().map_err(|e| internal(&e))?;
            if let Err(again) = self.store(disk, || true).await? {
                return Ok(Err(again));
            }
        }
        if let Err(error) = client.freeze_volume(id.as_str(), MAX_HOLD + HOLD_MARGIN).await {
            return Ok(Err(Again(error.to_string())));
        }
        let began = Instant::now();
        let held = self.clone_or_store(id, began).await;
        // Whatever came of it. An error here: the copy may have been overtaken by writes.
        let thawed = client.thaw_volume(id.as_str()).await;
        let held = match (held?, thawed) {
            (Ok(held), Ok(())) => held,
            (Ok(_), Err(error)) => return Ok(Err(Again(error.to_string()))),
            (Err(again), _) => return Ok(Err(again)),
        };
        tracing::info!(volume = %id, held_ms = began.elapsed().as_millis() as u64, "volume copied");
        match held {
            Held::Stored(contents) => Ok(Ok(contents)),
            Held::Clone(disk) => self.store(disk, || true).await,
        }
    }

    async fn clone_or_store(&self, id: &VolumeId, began: Instant) -> Result<Result<Held, Again>, ErrorBody> {
        let disk = self.disk(id);
        if self.clones {
            let cloned = spawn_blocking(move || disk.cloned()).await;
            let cloned: Result<File, DiskError> = cloned.map_err(|e| internal(&e))?;
            return Ok(Ok(Held::Clone(cloned.map_err(|e| internal(&e))?)));
        }
        let disk = disk.open().map_err(|e| internal(&e))?;
        Ok(self.store(disk, move || began.elapsed() < MAX_HOLD).await?.map(Held::Stored))
    }

    async fn store(
        &self,
        disk: File,
        go_on: impl FnMut() -> bool + Send + 'static,
    ) -> Result<Result<Contents, Again>, ErrorBody> {
        let chunks = self.chunks.clone();
        match spawn_blocking(move || chunks.take(&disk, go_on)).await.map_err(|e| internal(&e))? {
            Ok(contents) => Ok(Ok(contents)),
            Err(ChunkError::BrokenOff) => Ok(Err(Again("the copy takes too long".to_owned()))),
            Err(error) => Err(internal(&error)),
        }
    }
}

/// What was done while writes were held.
enum Held {
    Stored(Contents),
    Clone(File),
}
