//! The host as a test holds it: what it may do to it, and what it may ask.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use crypto_box::{SecretKey, aead::OsRng};
use roost_host_api::{Capacity, HostClient, HostInfo, Machine, WatchEvent};
use roost_model::{MachineId, MachineState, Region};
use tempfile::TempDir;
use tokio::{net::UnixListener, task::AbortHandle};

use crate::{FakeMachine, api, machines::Shared, volumes};

/// A running fake host; it stops when dropped.
pub struct FakeHost {
    shared: Arc<Shared>,
    key: SecretKey,
    folder: TempDir,
    server: AbortHandle,
}

impl FakeHost {
    /// # Panics
    /// When the machine that runs the test has no room for a socket.
    pub async fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let listener = UnixListener::bind(folder.path().join("host.sock")).expect("a unix socket");
        let key = SecretKey::generate(&mut OsRng);
        let shared = Arc::new(Shared::new(info(&key)));
        let router = api::router(shared.clone()).merge(volumes::router(shared.info.clone()));
        let server = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Self { shared, key, folder, server }
    }

    pub fn client(&self) -> HostClient {
        HostClient::unix(self.folder.path().join("host.sock"))
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

impl Drop for FakeHost {
    fn drop(&mut self) {
        self.server.abort();
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
