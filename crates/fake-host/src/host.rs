//! The host: its machines, their steps, and what tests may do to it.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use roost_host_api::{Capacity, ErrorBody, ErrorCode, HostClient, HostInfo, Machine, WatchEvent};
use roost_model::{
    ExitEvent, InstanceId, MachineAddress, MachineConfig, MachineEvent, MachineId, MachineState,
    event::EventRequest,
};
use tempfile::TempDir;
use tokio::{
    net::UnixListener,
    sync::{broadcast, watch},
    task::AbortHandle,
    time::sleep,
};
use ulid::Ulid;

use crate::{FakeMachine, api, server::AppServer};

/// Changes that a watcher may be behind before it is cut off.
const WATCH_BUFFER: usize = 4096;

/// A running fake host; it stops when dropped.
pub struct FakeHost {
    pub(crate) shared: Arc<Shared>,
    folder: TempDir,
    server: AbortHandle,
}

pub(crate) struct Shared {
    pub info: HostInfo,
    pub epoch: Ulid,
    state: Mutex<BTreeMap<MachineId, Entry>>,
    pub events: broadcast::Sender<WatchEvent>,
    /// Watch streams are cut off.
    pub silent: watch::Sender<bool>,
    starts: AtomicUsize,
    next: AtomicU32,
}

struct Entry {
    machine: Machine,
    plan: FakeMachine,
    server: Option<AppServer>,
}

impl FakeHost {
    /// # Panics
    /// When the machine that runs the test has no room for a socket.
    pub async fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let listener = UnixListener::bind(folder.path().join("host.sock")).expect("a unix socket");
        let shared = Arc::new(Shared {
            info: info(),
            epoch: Ulid::generate(),
            state: Mutex::default(),
            events: broadcast::Sender::new(WATCH_BUFFER),
            silent: watch::Sender::new(false),
            starts: AtomicUsize::new(0),
            // Machines of different tests get different loopback addresses.
            next: AtomicU32::new(rand_u32()),
        });
        let router = api::router(shared.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Self { shared, folder, server }
    }

    pub fn client(&self) -> HostClient {
        HostClient::unix(self.folder.path().join("host.sock"))
    }

    pub fn info(&self) -> &HostInfo {
        &self.shared.info
    }

    /// Adds a machine; one that is started listens when this returns, unless it listens later.
    pub fn add(&self, plan: FakeMachine) -> MachineId {
        let (id, state) = (plan.id.clone(), plan.state);
        let machine = self.shared.machine(&plan);
        self.shared.state().insert(id.clone(), Entry { machine, plan, server: None });
        if state == MachineState::Started {
            self.shared.running(&id);
        }
        self.shared.change(&id, |_| {});
        id
    }

    /// Changes the record of a machine, such as its checks or cordon, and tells watchers.
    pub fn change(&self, id: &MachineId, change: impl FnOnce(&mut Machine)) {
        self.shared.change(id, change);
    }

    /// The machine as the host knows it now.
    pub fn machine(&self, id: &MachineId) -> Option<Machine> {
        self.shared.get(id)
    }

    /// Drops the record of a machine.
    pub fn forget(&self, id: &MachineId) {
        self.shared.state().remove(id);
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

impl Shared {
    pub fn machines(&self) -> Vec<Machine> {
        self.state().values().map(|entry| entry.machine.clone()).collect()
    }

    pub fn get(&self, id: &MachineId) -> Option<Machine> {
        self.state().get(id).map(|entry| entry.machine.clone())
    }

    /// Begins a start, as the real host does: the answer comes with the first step.
    pub fn start(self: &Arc<Self>, id: &MachineId) -> Result<Machine, ErrorBody> {
        let boot = {
            let state = self.state();
            let entry = state.get(id).ok_or_else(not_found)?;
            if !entry.machine.state.can_start() {
                return Err(wrong_state(entry.machine.state));
            }
            entry.plan.boot
        };
        self.starts.fetch_add(1, Ordering::SeqCst);
        self.change(id, |machine| machine.state = MachineState::Starting);
        let (shared, id) = (self.clone(), id.clone());
        let answer = shared.get(&id).ok_or_else(not_found);
        tokio::spawn(async move {
            sleep(boot).await;
            let exits = shared.state().get(&id).and_then(|entry| entry.plan.exits);
            match exits {
                Some(code) => shared.exited(&id, code),
                None => shared.running(&id),
            }
        });
        answer
    }

    /// Begins a stop, which cuts off every connection of the machine.
    pub fn stop(self: &Arc<Self>, id: &MachineId) -> Result<Machine, ErrorBody> {
        let takes = {
            let mut state = self.state();
            let entry = state.get_mut(id).ok_or_else(not_found)?;
            if !entry.machine.state.can_stop() {
                return Err(wrong_state(entry.machine.state));
            }
            entry.server = None;
            entry.plan.stop_takes
        };
        self.change(id, |machine| machine.state = MachineState::Stopping);
        let (shared, id) = (self.clone(), id.clone());
        let answer = shared.get(&id).ok_or_else(not_found);
        tokio::spawn(async move {
            sleep(takes).await;
            shared.change(&id, |machine| machine.state = MachineState::Stopped);
        });
        answer
    }

    pub fn change(&self, id: &MachineId, change: impl FnOnce(&mut Machine)) {
        let mut state = self.state();
        let Some(entry) = state.get_mut(id) else { return };
        change(&mut entry.machine);
        entry.machine.updated_at = Timestamp::now();
        let machine = Box::new(entry.machine.clone());
        let _ = self.events.send(WatchEvent::Machine { seq: 0, machine });
    }

    /// The processes run; the app listens now or later.
    fn running(self: &Arc<Self>, id: &MachineId) {
        let delay = self.state().get(id).map(|entry| entry.plan.listens_after).unwrap_or_default();
        if delay == Duration::ZERO {
            self.listen(id);
        } else {
            let (shared, id) = (self.clone(), id.clone());
            tokio::spawn(async move {
                sleep(delay).await;
                shared.listen(&id);
            });
        }
        self.change(id, |machine| {
            machine.state = MachineState::Started;
            machine.started_at = Some(Timestamp::now());
        });
    }

    fn listen(&self, id: &MachineId) {
        let mut state = self.state();
        let Some(entry) = state.get_mut(id) else { return };
        let port = entry.machine.config.services.first().map_or(0, |service| service.internal_port);
        let address = (entry.machine.ipv4, port).into();
        entry.server = Some(AppServer::start(address, entry.plan.router.clone()).expect("a loopback port"));
    }

    fn exited(&self, id: &MachineId, code: i32) {
        let exit = ExitEvent {
            exit_code: code,
            guest_exit_code: code,
            guest_signal: -1,
            signal: -1,
            oom_killed: false,
            requested_stop: false,
            restarting: false,
            exited_at: Timestamp::now(),
        };
        let event = MachineEvent {
            id: Ulid::generate(),
            kind: "exit".into(),
            status: "stopped".into(),
            source: "host".into(),
            timestamp: Timestamp::now().as_millisecond(),
            request: Some(EventRequest { exit_event: Some(exit), ..EventRequest::default() }),
        };
        self.change(id, |machine| {
            machine.events.insert(0, event);
            machine.state = MachineState::Stopped;
        });
    }

    fn machine(&self, plan: &FakeMachine) -> Machine {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        let address = MachineAddress { network: plan.network, host: self.info.number, machine: number };
        let [_, a, b, c] = number.to_be_bytes();
        let config = MachineConfig {
            services: plan.services(),
            metadata: plan.metadata.iter().cloned().collect(),
            ..MachineConfig::default()
        };
        Machine {
            id: plan.id.clone(),
            name: format!("machine-{}", plan.id),
            app: plan.app.clone(),
            host: self.info.id.clone(),
            region: self.info.region.clone(),
            network: address.network,
            state: plan.state,
            instance_id: InstanceId::generate(),
            private_ip: address.ip(),
            ipv4: Ipv4Addr::new(127, a, b, c),
            image: "example/app:latest".parse().expect("a valid reference"),
            image_labels: BTreeMap::new(),
            config,
            secrets_version: 0,
            cordoned: false,
            checks: Vec::new(),
            events: Vec::new(),
            created_at: Timestamp::now(),
            updated_at: Timestamp::now(),
            started_at: None,
            nonce: None,
        }
    }

    fn state(&self) -> MutexGuard<'_, BTreeMap<MachineId, Entry>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn info() -> HostInfo {
    let capacity = Capacity { cpus: 8, memory_mib: 1 << 20, disk_mib: 1 << 20 };
    HostInfo {
        id: "fake".parse().expect("a valid id"),
        region: "dev".parse().expect("a valid region"),
        number: 1,
        driver: "fake".into(),
        driver_reason: "it is a test double".into(),
        sealing_key: String::new(),
        total: capacity,
        free: capacity,
        version: "0".into(),
    }
}

fn rand_u32() -> u32 {
    (Ulid::generate().random() as u32) & 0x00ff_ff00
}

fn not_found() -> ErrorBody {
    ErrorBody { code: ErrorCode::MachineNotFound, message: "no such machine".into() }
}

fn wrong_state(state: MachineState) -> ErrorBody {
    ErrorBody { code: ErrorCode::WrongState, message: format!("the machine is {state}") }
}
