//! A host without VMs that speaks the real host-api. What its machines do is said by the variable
//! `BEHAVIOUR` of their configuration:
//!
//! | value | the machine |
//! |---|---|
//! | `fine` | starts and listens where its service says |
//! | `slow` | the same, half a second later |
//! | `crash` | starts, and exits with code 3 |
//! | `elsewhere` | listens on 127.0.0.1:3000 |
//! | `stuck` | never comes further than starting |

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crypto_box::{SecretKey, aead::OsRng};
use jiff::Timestamp;
use roost_guest_api::Listener;
use roost_host_api::{
    Capacity, CreateMachine, ErrorBody, ErrorCode, HostClient, HostInfo, Lease, Machine, MachineSpec,
    UpdateMachine,
};
use roost_model::{
    ExitEvent, InstanceId, MachineAddress, MachineEvent, MachineId, MachineState, event::EventRequest,
};
use tokio::{net::UnixListener, sync::watch, task::AbortHandle};
use ulid::Ulid;

use super::routes;

pub struct FakeHost {
    pub shared: Arc<Shared>,
    socket: PathBuf,
    server: AbortHandle,
}

pub struct Shared {
    machines: Mutex<BTreeMap<MachineId, Machine>>,
    pub leases: Mutex<BTreeMap<MachineId, Lease>>,
    specs: Mutex<BTreeMap<MachineId, MachineSpec>>,
    /// Calls that changed something, in order: `create <id>`, `destroy <id>`, ...
    calls: Mutex<Vec<String>>,
    pub changed: watch::Sender<u64>,
    key: SecretKey,
}

impl FakeHost {
    pub async fn start(folder: &Path) -> Self {
        let socket = folder.join("host.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let shared = Arc::new(Shared {
            machines: Mutex::default(),
            leases: Mutex::default(),
            specs: Mutex::default(),
            calls: Mutex::default(),
            changed: watch::Sender::new(0),
            key: SecretKey::generate(&mut OsRng),
        });
        let router = routes::router(shared.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Self { shared, socket, server }
    }

    pub fn client(&self) -> HostClient {
        HostClient::unix(&self.socket)
    }

    /// Machines that have not been destroyed.
    pub fn machines(&self) -> Vec<Machine> {
        self.shared.all().into_iter().filter(|m| !m.state.is_gone()).collect()
    }

    pub fn calls(&self) -> Vec<String> {
        lock(&self.shared.calls).clone()
    }

    /// The secrets that the machine was given, opened with the host's key.
    pub fn secrets(&self, id: &MachineId) -> BTreeMap<String, String> {
        use base64::{Engine, prelude::BASE64_STANDARD};
        let Some(sealed) = lock(&self.shared.specs)[id].sealed_secrets.clone() else {
            return BTreeMap::new();
        };
        let opened = self.shared.key.unseal(&BASE64_STANDARD.decode(sealed).unwrap()).unwrap();
        serde_json::from_slice(&opened).unwrap()
    }
}

impl Drop for FakeHost {
    fn drop(&mut self) {
        self.server.abort();
    }
}

type Answer<T> = Result<T, ErrorBody>;

impl Shared {
    pub fn info(&self) -> HostInfo {
        use base64::{Engine, prelude::BASE64_STANDARD};
        HostInfo {
            id: "box".parse().unwrap(),
            region: "local".parse().unwrap(),
            number: 1,
            driver: "fake".to_owned(),
            driver_reason: "tests".to_owned(),
            sealing_key: BASE64_STANDARD.encode(self.key.public_key().as_bytes()),
            total: Capacity { cpus: 8, memory_mib: 8192, disk_mib: 8192 },
            free: Capacity { cpus: 8, memory_mib: 8192, disk_mib: 8192 },
            version: "0".to_owned(),
        }
    }

    pub fn all(&self) -> Vec<Machine> {
        lock(&self.machines).values().cloned().collect()
    }

    pub fn get(&self, id: &MachineId) -> Answer<Machine> {
        lock(&self.machines).get(id).cloned().ok_or_else(|| ErrorBody {
            code: ErrorCode::MachineNotFound,
            message: format!("machine not found: {id}"),
        })
    }

    pub fn create(self: &Arc<Self>, request: CreateMachine) -> Answer<Machine> {
        if let Ok(machine) = self.get(&request.id) {
            return Ok(machine);
        }
        self.note("create", &request.id);
        let number = lock(&self.machines).len() as u32 + 1;
        let address = MachineAddress { network: request.network, host: 1, machine: number };
        let now = Timestamp::now();
        let machine = Machine {
            id: request.id.clone(),
            name: request.name,
            app: request.app,
            host: "box".parse().unwrap(),
            region: request.region,
            network: request.network,
            state: MachineState::Created,
            instance_id: InstanceId::generate(),
            private_ip: address.ip(),
            ipv4: [127, 0, 0, 1].into(),
            image: request.spec.image.clone(),
            image_labels: BTreeMap::new(),
            config: request.spec.config.clone(),
            secrets_version: request.spec.secrets_version,
            cordoned: request.cordoned,
            checks: Vec::new(),
            events: vec![event("launch", None)],
            created_at: now,
            updated_at: now,
            started_at: None,
            nonce: None,
        };
        lock(&self.specs).insert(request.id.clone(), request.spec);
        lock(&self.machines).insert(request.id.clone(), machine);
        self.change(&request.id, |_| {})?;
        if !request.skip_launch {
            self.boot(&request.id)?;
        }
        self.get(&request.id)
    }

    pub fn update(self: &Arc<Self>, id: &MachineId, request: UpdateMachine) -> Answer<Machine> {
        self.check_lease(id, request.lease_nonce.as_deref())?;
        self.note("update", id);
        lock(&self.specs).insert(id.clone(), request.spec.clone());
        self.change(id, |machine| {
            machine.config = request.spec.config;
            machine.image = request.spec.image;
            machine.secrets_version = request.spec.secrets_version;
            machine.instance_id = InstanceId::generate();
            machine.state = MachineState::Stopped;
            machine.events.insert(0, event("update", None));
        })?;
        if request.skip_launch { self.get(id) } else { self.boot(id) }
    }

    pub fn start(self: &Arc<Self>, id: &MachineId) -> Answer<Machine> {
        self.note("start", id);
        let state = self.get(id)?.state;
        if state.can_start() { self.boot(id) } else { Err(wrong_state(state)) }
    }

    pub fn stop(&self, id: &MachineId) -> Answer<Machine> {
        self.note("stop", id);
        let state = self.get(id)?.state;
        if !state.can_stop() {
            return Err(wrong_state(state));
        }
        self.change(id, |machine| {
            machine.state = MachineState::Stopped;
            machine.events.insert(0, event("exit", Some(exit(0, true))));
        })
    }

    pub fn destroy(&self, id: &MachineId, force: bool) -> Answer<Machine> {
        let state = self.get(id)?.state;
        if state == MachineState::Started && !force {
            return Err(wrong_state(state));
        }
        self.note("destroy", id);
        self.change(id, |machine| machine.state = MachineState::Destroyed)
    }

    pub fn listeners(&self, id: &MachineId) -> Answer<Vec<Listener>> {
        let machine = self.get(id)?;
        let (address, port) = match behaviour(&machine) {
            _ if machine.state != MachineState::Started => return Ok(Vec::new()),
            "elsewhere" => ("127.0.0.1", 3000),
            _ => ("0.0.0.0", machine.config.services.first().map_or(0, |service| service.internal_port)),
        };
        let (protocol, address, command) = ("tcp".to_owned(), address.to_owned(), "app".to_owned());
        Ok(vec![Listener { protocol, address, port, pid: 2, command }])
    }

    pub fn check_lease(&self, id: &MachineId, nonce: Option<&str>) -> Answer<()> {
        match lock(&self.leases).get(id) {
            Some(lease) if nonce != Some(&lease.nonce) => Err(ErrorBody {
                code: ErrorCode::LeaseHeld,
                message: format!("lease currently held by {}", lease.owner),
            }),
            _ => Ok(()),
        }
    }

    pub fn change(&self, id: &MachineId, change: impl FnOnce(&mut Machine)) -> Answer<Machine> {
        self.get(id)?;
        let mut machines = lock(&self.machines);
        let machine = machines.get_mut(id).unwrap();
        change(machine);
        machine.updated_at = Timestamp::now();
        let machine = machine.clone();
        drop(machines);
        self.changed.send_modify(|n| *n += 1);
        Ok(machine)
    }

    fn boot(self: &Arc<Self>, id: &MachineId) -> Answer<Machine> {
        let machine = self.change(id, |machine| machine.state = MachineState::Starting)?;
        let (host, id) = (Arc::clone(self), id.clone());
        let behaviour = behaviour(&machine).to_owned();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(if behaviour == "slow" { 500 } else { 5 })).await;
            if behaviour == "stuck" {
                return;
            }
            let _ = host.change(&id, |machine| {
                machine.state = MachineState::Started;
                machine.started_at = Some(Timestamp::now());
                machine.events.insert(0, event("start", None));
                if behaviour == "crash" {
                    machine.state = MachineState::Stopped;
                    machine.events.insert(0, event("exit", Some(exit(3, false))));
                }
            });
        });
        Ok(machine)
    }

    fn note(&self, call: &str, id: &MachineId) {
        lock(&self.calls).push(format!("{call} {id}"));
    }
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn behaviour(machine: &Machine) -> &str {
    machine.config.env.get("BEHAVIOUR").map_or("fine", String::as_str)
}

fn wrong_state(state: MachineState) -> ErrorBody {
    ErrorBody { code: ErrorCode::WrongState, message: format!("the machine is {state}") }
}

fn event(kind: &str, exit: Option<ExitEvent>) -> MachineEvent {
    let request = exit.map(|exit| EventRequest { exit_event: Some(exit), ..EventRequest::default() });
    MachineEvent {
        id: Ulid::generate(),
        kind: kind.to_owned(),
        status: String::new(),
        source: "host".to_owned(),
        timestamp: Timestamp::now().as_millisecond(),
        request,
    }
}

fn exit(exit_code: i32, requested_stop: bool) -> ExitEvent {
    ExitEvent {
        exit_code,
        guest_exit_code: exit_code,
        guest_signal: -1,
        signal: -1,
        oom_killed: false,
        requested_stop,
        restarting: false,
        exited_at: Timestamp::now(),
    }
}
