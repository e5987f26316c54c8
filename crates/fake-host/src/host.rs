//! The host as a test holds it: what it may do to it, and what it may ask.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use crypto_box::{SecretKey, aead::OsRng};
use roost_host_api::{Capacity, HostClient, HostInfo, Machine, Snapshot, Volume, WatchEvent};
use roost_model::{MachineId, MachineState, Region};
use tempfile::TempDir;
use tokio::{net::UnixListener, task::AbortHandle};

use crate::{
    FakeMachine, api,
    machines::Shared,
    volumes::{self, Volumes},
};

/// A running fake host; it stops when dropped.
pub struct FakeHost {
    shared: Arc<Shared>,
    volumes: Arc<Volumes>,
    key: SecretKey,
    socket: PathBuf,
    /// Of the socket, unless that is the test's.
    _folder: Option<TempDir>,
    _server: Aborting,
}

impl FakeHost {
    /// # Panics
    /// When the machine that runs the test has no room for a socket.
    pub async fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let host = Self::start_at(&folder.path().join("host.sock")).await;
        Self { _folder: Some(folder), ..host }
    }

    /// Where an api in another process looks for its host.
    ///
    /// # Panics
    /// When there is something at this path already, or no folder for it.
    pub async fn start_at(socket: &Path) -> Self {
        let listener = UnixListener::bind(socket).expect("a unix socket");
        let key = SecretKey::generate(&mut OsRng);
        let shared = Arc::new(Shared::new(info(&key)));
        let volumes = Arc::new(Volumes::new(shared.info.clone()));
        let router = api::router(shared.clone()).merge(volumes::router(volumes.clone()));
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            shared,
            volumes,
            key,
            socket: socket.to_owned(),
            _folder: None,
            _server: Aborting(server.abort_handle()),
        }
    }

    pub fn client(&self) -> HostClient {
        HostClient::unix(self.socket.clone())
    }

    pub fn info(&self) -> &HostInfo {
        &self.shared.info
    }

    /// Adds a machine; one that is started listens when this returns, unless it listens later.
    pub fn add(&self, machine: FakeMachine) -> MachineId {
        let (plan, state) = (machine.plan.clone(), machine.state);
        let create = machine.create();
        let id = create.id.clone();
        self.shared.insert(create, plan, MachineState::Stopped);
        if state == MachineState::Started {
            self.shared.running(&id);
        }
        id
    }

    /// Changes the record of a machine, such as its checks or cordon, and tells watchers.
    pub fn change(&self, id: &MachineId, change: impl FnOnce(&mut Machine)) {
        let _ = self.shared.change(id, change);
    }

    /// The machine as the host knows it now.
    pub fn machine(&self, id: &MachineId) -> Option<Machine> {
        self.shared.get(id).ok()
    }

    /// Machines that have not been destroyed.
    pub fn machines(&self) -> Vec<Machine> {
        self.shared.machines().into_iter().filter(|machine| !machine.state.is_gone()).collect()
    }

    /// The secrets that the machine was given, opened with the host's key.
    ///
    /// # Panics
    /// When there is no such machine, or its secrets are not sealed to this host.
    pub fn secrets(&self, id: &MachineId) -> BTreeMap<String, String> {
        let Some(sealed) = self.shared.sealed_secrets(id) else { return BTreeMap::new() };
        let sealed = BASE64_STANDARD.decode(sealed).expect("base64");
        let opened = self.key.unseal(&sealed).expect("sealed to this host");
        serde_json::from_slice(&opened).expect("a JSON object of strings")
    }

    /// Calls that changed a machine's life, in order: `create <id>`, `destroy <id>`, ...
    pub fn calls(&self) -> Vec<String> {
        self.shared.calls()
    }

    /// Lines that others wrote to apps' logs: `<app> <machine> <process>: <message>`.
    pub fn log(&self) -> Vec<String> {
        self.shared.log()
    }

    /// Machines on which somebody has a lease.
    pub fn leased(&self) -> Vec<MachineId> {
        let machines = self.machines().into_iter().map(|machine| machine.id);
        machines.filter(|id| self.shared.lease(id).is_ok_and(|lease| lease.is_some())).collect()
    }

    /// Volumes that have not been destroyed.
    pub fn volumes(&self) -> Vec<Volume> {
        self.volumes.present()
    }

    pub fn snapshots(&self) -> Vec<Snapshot> {
        self.volumes.snapshots()
    }

    /// Drops the record of a machine.
    pub fn forget(&self, id: &MachineId) {
        self.shared.forget(id);
        let _ = self.shared.events.send(WatchEvent::Gone { seq: 0, id: id.clone() });
    }

    /// Ends every watch stream, and refuses new ones until [`FakeHost::reconnect`].
    pub fn disconnect(&self) {
        self.shared.silent.send_replace(true);
    }

    pub fn reconnect(&self) {
        self.shared.silent.send_replace(false);
    }

    /// Starts that were asked for and accepted so far, of all machines.
    pub fn starts(&self) -> usize {
        self.shared.starts.load(Ordering::SeqCst)
    }
}

/// A task that ends with the value.
struct Aborting(AbortHandle);

impl Drop for Aborting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn info(key: &SecretKey) -> HostInfo {
    let capacity = Capacity { cpus: 8, memory_mib: 8192, disk_mib: 8192 };
    HostInfo {
        id: "fake".parse().expect("a valid id"),
        region: region(),
        number: 1,
        driver: "fake".into(),
        driver_reason: "it is a test double".into(),
        sealing_key: BASE64_STANDARD.encode(key.public_key().as_bytes()),
        total: capacity,
        free: capacity,
        version: "0".into(),
    }
}

pub(crate) fn region() -> Region {
    "dev".parse().expect("a valid region")
}
