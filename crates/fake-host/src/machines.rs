//! The machines of a host: their records, leases, and the changes that boot nothing.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
};

use axum::Router;
use jiff::Timestamp;
use roost_host_api::{
    AppendLog, CreateMachine, ErrorBody, ErrorCode, HostInfo, Lease, LeaseRequest, Machine, MachineSpec,
    NewLogLine, UpdateMachine, WatchEvent,
};
use roost_model::{
    ExitEvent, InstanceId, MachineAddress, MachineEvent, MachineId, MachineState, event::EventRequest,
};
use tokio::sync::{broadcast, watch};
use ulid::Ulid;

use crate::{plan::Plan, server::AppServer};

/// Changes that a watcher may be behind before it is cut off.
const WATCH_BUFFER: usize = 4096;

pub(crate) type Answer<T> = Result<T, ErrorBody>;

pub(crate) struct Shared {
    pub info: HostInfo,
    pub epoch: Ulid,
    machines: Mutex<BTreeMap<MachineId, Entry>>,
    calls: Mutex<Vec<String>>,
    log: Mutex<Vec<String>>,
    pub events: broadcast::Sender<WatchEvent>,
    /// Watch streams are cut off.
    pub silent: watch::Sender<bool>,
    pub starts: AtomicUsize,
    next_number: AtomicU32,
}

pub(crate) struct Entry {
    pub machine: Machine,
    pub plan: Plan,
    pub server: Option<AppServer>,
    spec: MachineSpec,
    lease: Option<Lease>,
}

impl Shared {
    pub fn new(info: HostInfo) -> Self {
        // Machines of different tests get different loopback addresses.
        let first_number = (Ulid::generate().random() as u32) & 0x00ff_ff00;
        Self {
            info,
            epoch: Ulid::generate(),
            machines: Mutex::default(),
            calls: Mutex::default(),
            log: Mutex::default(),
            events: broadcast::Sender::new(WATCH_BUFFER),
            silent: watch::Sender::new(false),
            starts: AtomicUsize::new(0),
            next_number: AtomicU32::new(first_number),
        }
    }

    pub fn machines(&self) -> Vec<Machine> {
        self.entries().values().map(|entry| entry.machine.clone()).collect()
    }

    pub fn get(&self, id: &MachineId) -> Answer<Machine> {
        self.with(id, |entry| entry.machine.clone())
    }

    pub fn sealed_secrets(&self, id: &MachineId) -> Option<String> {
        self.with(id, |entry| entry.spec.sealed_secrets.clone()).expect("such a machine")
    }

    pub fn create(self: &Arc<Self>, create: CreateMachine) -> Answer<Machine> {
        if let Ok(machine) = self.get(&create.id) {
            return Ok(machine);
        }
        self.check_name(&create)?;
        let (id, skip_launch) = (create.id.clone(), create.skip_launch);
        self.note("create", &id);
        let lease = create.lease.clone().map(|request| new_lease(request, String::new()));
        let plan = Plan::serving(Router::new()).configured_by(&create.spec.config);
        self.insert(create, plan, MachineState::Created);
        self.change(&id, |machine| machine.events.insert(0, event("launch", "created", None)))?;
        self.set_lease(&id, lease.clone())?;
        let made = if skip_launch { self.get(&id) } else { self.boot(&id) }?;
        Ok(Machine { nonce: lease.map(|lease| lease.nonce), ..made })
    }

    fn check_name(&self, create: &CreateMachine) -> Answer<()> {
        let CreateMachine { app, name, .. } = create;
        let same = |other: &Machine| other.app == *app && other.name == *name && !other.state.is_gone();
        match self.machines().iter().find(|other| same(other)) {
            Some(Machine { id, .. }) => {
                let message = format!("app {app} has a machine called {name} already: {id}");
                Err(ErrorBody { code: ErrorCode::NameTaken, message })
            }
            None => Ok(()),
        }
    }

    /// A new version takes the place of the old one, at once.
    pub fn update(self: &Arc<Self>, id: &MachineId, update: UpdateMachine) -> Answer<Machine> {
        self.check_lease(id, update.lease_nonce.as_deref())?;
        self.note("update", id);
        let spec = update.spec;
        self.with(id, |entry| {
            entry.server = None;
            entry.plan = entry.plan.clone().configured_by(&spec.config);
            entry.spec = spec.clone();
        })?;
        let updated = self.change(id, |machine| {
            machine.config = spec.config;
            machine.image = spec.image;
            machine.secrets_version = spec.secrets_version;
            machine.instance_id = InstanceId::generate();
            machine.state = MachineState::Stopped;
            machine.events.insert(0, event("update", "replacing", None));
        })?;
        let lease = update.lease.map(|request| {
            let nonce = update.lease_nonce.clone();
            new_lease(LeaseRequest { nonce, ..request }, updated.instance_id.to_string())
        });
        if lease.is_some() {
            self.set_lease(id, lease.clone())?;
        }
        let updated = if update.skip_launch { updated } else { self.boot(id)? };
        Ok(Machine { nonce: lease.map(|lease| lease.nonce), ..updated })
    }

    /// A machine whose guest answers.
    pub fn started(&self, id: &MachineId) -> Answer<Machine> {
        let machine = self.get(id)?;
        if machine.state == MachineState::Started { Ok(machine) } else { Err(wrong_state(machine.state)) }
    }

    pub fn destroy(&self, id: &MachineId, force: bool) -> Answer<Machine> {
        let machine = self.get(id)?;
        let state = machine.state;
        if state.is_gone() {
            return Ok(machine);
        }
        if state == MachineState::Started && !force {
            return Err(wrong_state(state));
        }
        self.note("destroy", id);
        self.with(id, |entry| (entry.server, entry.lease) = (None, None))?;
        self.change(id, |machine| machine.state = MachineState::Destroyed)
    }

    pub fn forget(&self, id: &MachineId) {
        self.entries().remove(id);
    }

    pub fn lease(&self, id: &MachineId) -> Answer<Option<Lease>> {
        self.with(id, |entry| entry.lease.clone())
    }

    pub fn set_lease(&self, id: &MachineId, lease: Option<Lease>) -> Answer<()> {
        self.with(id, |entry| entry.lease = lease)
    }

    pub fn check_lease(&self, id: &MachineId, nonce: Option<&str>) -> Answer<()> {
        match self.lease(id)? {
            Some(lease) if nonce != Some(&lease.nonce) => {
                let message = format!("lease currently held by {}", lease.owner);
                Err(ErrorBody { code: ErrorCode::LeaseHeld, message })
            }
            _ => Ok(()),
        }
    }

    pub fn insert(&self, create: CreateMachine, plan: Plan, state: MachineState) {
        let id = create.id.clone();
        let spec = create.spec.clone();
        let machine = self.record(create, state);
        self.entries().insert(id.clone(), Entry { machine, plan, server: None, spec, lease: None });
        let _ = self.change(&id, |_| {});
    }

    /// Changes a record, and tells every watcher.
    pub fn change(&self, id: &MachineId, change: impl FnOnce(&mut Machine)) -> Answer<Machine> {
        self.with(id, |entry| {
            change(&mut entry.machine);
            entry.machine.updated_at = Timestamp::now();
            let machine = Box::new(entry.machine.clone());
            let _ = self.events.send(WatchEvent::Machine { seq: 0, machine });
            entry.machine.clone()
        })
    }

    pub fn with<T>(&self, id: &MachineId, act: impl FnOnce(&mut Entry) -> T) -> Answer<T> {
        let mut entries = self.entries();
        let missing =
            || ErrorBody { code: ErrorCode::MachineNotFound, message: format!("machine not found: {id}") };
        entries.get_mut(id).map(act).ok_or_else(missing)
    }

    pub fn note(&self, call: &str, id: &MachineId) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{call} {id}"));
    }

    pub fn append_log(&self, append: AppendLog) {
        let line = |line: NewLogLine| {
            let machine = line.machine.map(|id| id.to_string()).unwrap_or_default();
            format!("{} {machine} {}: {}", append.app, line.process, line.message)
        };
        self.log.lock().unwrap_or_else(PoisonError::into_inner).extend(append.lines.into_iter().map(line));
    }

    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<MachineId, Entry>> {
        self.machines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, create: CreateMachine, state: MachineState) -> Machine {
        let number = self.next_number.fetch_add(1, Ordering::SeqCst);
        let address = MachineAddress { network: create.network, host: self.info.number, machine: number };
        let [_, a, b, c] = number.to_be_bytes();
        Machine {
            id: create.id,
            name: create.name,
            app: create.app,
            host: self.info.id.clone(),
            region: create.region,
            network: address.network,
            state,
            instance_id: InstanceId::generate(),
            private_ip: address.ip(),
            ipv4: Ipv4Addr::new(127, a, b, c),
            image: create.spec.image,
            image_labels: BTreeMap::new(),
            config: create.spec.config,
            secrets_version: create.spec.secrets_version,
            cordoned: create.cordoned,
            checks: Vec::new(),
            events: Vec::new(),
            created_at: Timestamp::now(),
            updated_at: Timestamp::now(),
            started_at: None,
            nonce: None,
        }
    }
}

/// A lease; it does not lapse.
pub(crate) fn new_lease(request: LeaseRequest, version: String) -> Lease {
    Lease {
        nonce: request.nonce.unwrap_or_else(|| Ulid::generate().to_string()),
        expires_at: Timestamp::now(),
        owner: request.owner,
        description: request.description,
        version,
    }
}

pub(crate) fn wrong_state(state: MachineState) -> ErrorBody {
    ErrorBody { code: ErrorCode::WrongState, message: format!("the machine is {state}") }
}

pub(crate) fn event(kind: &str, status: &str, exit: Option<ExitEvent>) -> MachineEvent {
    MachineEvent {
        id: Ulid::generate(),
        kind: kind.into(),
        status: status.into(),
        source: "host".into(),
        timestamp: Timestamp::now().as_millisecond(),
        request: exit.map(|exit| EventRequest { exit_event: Some(exit), ..EventRequest::default() }),
    }
}
