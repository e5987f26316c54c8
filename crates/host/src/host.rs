//! The host: all owners of this box's machines, and what concerns none of them alone.

use std::{
    collections::{HashMap, HashSet},
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use roost_host_api::{
    AppendLog, Collected, CreateMachine, ErrorBody, ErrorCode, HostInfo, MAX_APPENDED_LINES, Machine,
    Reservation, ReserveRequest,
};
use roost_images::ImageError;
use roost_initramfs::KernelError;
use roost_model::{InstanceId, MachineId, MachineState};
use roost_netdev::NetError;
use roost_vmm::{Maker, VmmError};
use ulid::Ulid;

use crate::{
    capacity::{Claim, Ledger},
    config::HostConfig,
    context::{Context, Shared, refuse},
    janitor,
    job::Job,
    logs::{Entry, Logs},
    memory::Shelf,
    metrics,
    owner::{Handle, Origin, Owner, new_lease, with_nonce},
    place,
    record::{Place, Record},
    recovery,
    request::{check_create, invalid},
    scratch::{Scratch, ScratchError},
    seams::Parts,
    secrets::SealingKey,
    standby,
    store::{NewMachine, Store, StoreError},
    volumes::{self, Taker, Volumes},
};

/// A reservation is for the moments between asking and creating.
const MAX_RESERVATION_SECS: u32 = 600;

/// Why a host can not begin.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{what} failed")]
    Io { what: &'static str, source: io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Scratch(#[from] ScratchError),
    #[error(transparent)]
    Kernel(#[from] KernelError),
    #[error(transparent)]
    Vmm(#[from] VmmError),
    #[error(transparent)]
    Images(#[from] ImageError),
    #[error(transparent)]
    Network(#[from] NetError),
}

/// A running host; clones are handles. Machines outlive it.
#[derive(Clone)]
pub struct Host {
    ctx: Arc<Context>,
    owners: Arc<Mutex<HashMap<MachineId, Handle>>>,
    /// None in the copies that these tasks have themselves.
    tasks: Option<Arc<Tasks>>,
}

/// What goes on by itself, until the last handle is gone.
struct Tasks {
    volumes: Arc<Volumes>,
    _janitor: Job<()>,
    _sweep: Job<()>,
    _metrics: Job<()>,
    _standby: Job<()>,
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.volumes.end_work();
    }
}

impl Host {
    /// Opens the host's folder and goes on with every machine in it.
    pub async fn open(config: HostConfig) -> Result<Self, OpenError> {
        make_folder(&config.dir)?;
        let parts = crate::parts::open(&config).await?;
        Self::with_parts(config, parts).await
    }

    /// As [`Host::open`], with parts that the caller chose.
    pub async fn with_parts(config: HostConfig, parts: Parts) -> Result<Self, OpenError> {
        make_folder(&config.dir)?;
        make_folder(&config.machines())?;
        let shared = open_shared(&config)?;
        let ctx = Context::new(config, parts, shared);
        let records = ctx.store.machines().await?;
        ctx.volumes.prepare(&recovery::present(&records)).await?;
        recovery::prepare(&ctx, &records).await?;
        let owners = Arc::new(Mutex::new(recovery::spawn_owners(&ctx, records)));
        let janitor = Job::spawn(janitor::run(ctx.clone(), owners.clone()));
        let metrics = Job::spawn(metrics::run(ctx.clone()));
        let standby = Job::spawn(standby::run(ctx.clone(), owners.clone()));
        let mut host = Self { ctx, owners, tasks: None };
        let sweep = Job::spawn(volumes::sweep(host.clone()));
        let volumes = host.ctx.volumes.clone();
        host.tasks = Some(Arc::new(Tasks {
            volumes,
            _janitor: janitor,
            _sweep: sweep,
            _metrics: metrics,
            _standby: standby,
        }));
        Ok(host)
    }

    /// A copy that does not keep the host's tasks going.
    pub(crate) fn without_tasks(&self) -> Self {
        Self { tasks: None, ..self.clone() }
    }

    pub(crate) fn ctx(&self) -> &Arc<Context> {
        &self.ctx
    }

    pub fn info(&self) -> HostInfo {
        let (mut total, mut free) = self.ctx.ledger.capacity();
        let disk = roost_vmm::Capacity::probe(&self.ctx.config.dir).map_or(0, |capacity| capacity.disk_mib);
        (total.disk_mib, free.disk_mib) = (disk, disk);
        let (driver, driver_reason) = self.ctx.parts.vmm.describe();
        HostInfo {
            id: self.ctx.config.id.clone(),
            region: self.ctx.config.region.clone(),
            number: self.ctx.config.number,
            driver,
            driver_reason,
            sealing_key: self.ctx.sealing_key.public(),
            total,
            free,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    pub fn reserve(&self, request: &ReserveRequest) -> Result<Reservation, ErrorBody> {
        request.guest.validate().map_err(|e| crate::request::invalid(e.to_string()))?;
        let ttl = Duration::from_secs(request.ttl_secs.clamp(1, MAX_RESERVATION_SECS).into());
        let id = self.ctx.ledger.reserve(&request.guest, ttl)?;
        Ok(Reservation { id, expires_at: Timestamp::now() + ttl, free: self.info().free })
    }

    pub fn release_reservation(&self, id: Ulid) -> Result<(), ErrorBody> {
        if self.ctx.ledger.release(id) {
            return Ok(());
        }
        Err(refuse(
            ErrorCode::ReservationNotFound,
            format!("there is no reservation {id}; it may have lapsed"),
        ))
    }

    /// Records a new machine and starts it. The same id again gives the machine that is there.
    pub async fn create(&self, mut create: CreateMachine) -> Result<Arc<Machine>, ErrorBody> {
        let guest = check_create(&create)?;
        if let Some(existing) = self.existing(&create)? {
            return Ok(existing);
        }
        let claim = match create.skip_launch {
            true => None,
            false => Some(self.ctx.ledger.claim(&create.id, &guest, create.reservation)?),
        };
        let (id, app, name) = (create.id.clone(), create.app.clone(), create.name.clone());
        let taker = Taker { machine: &id, app: &app, keep: create.volume_keep };
        self.ctx.volumes.assign(taker, &mut create.spec.config.mounts).await?;
        let maker = self.ctx.maker();
        let build = move |place| new_record(create, place, maker);
        let slots = place::slots(&self.ctx.config);
        match self.ctx.store.create(slots, id.clone(), app.clone(), name.clone(), build).await? {
            NewMachine::Made(record) => Ok(self.adopt_new(*record, claim)),
            // A call at the same moment came first.
            NewMachine::Exists => self.machine(&id),
            NewMachine::NameTaken { by } => {
                self.ctx.volumes.release(&id, &[]).await?;
                let text =
                    format!("app {app} has a machine called {name} already: {by}; choose another name");
                Err(refuse(ErrorCode::NameTaken, text))
            }
        }
    }

    fn existing(&self, create: &CreateMachine) -> Result<Option<Arc<Machine>>, ErrorBody> {
        match self.ctx.hub.get(&create.id) {
            Some(machine) if machine.app == create.app => Ok(Some(machine)),
            Some(_) => {
                let text = format!("the machine id {} is another app's", create.id);
                Err(refuse(ErrorCode::NameTaken, text))
            }
            None => Ok(None),
        }
    }

    fn adopt_new(&self, record: Record, claim: Option<Claim>) -> Arc<Machine> {
        let shown = self.ctx.hub.publish(self.ctx.view(&record, &[]));
        let lease = record.lease.clone();
        let id = record.id.clone();
        let handle = Owner::spawn(self.ctx.clone(), record, Origin::Made(claim));
        self.lock().insert(id, handle);
        with_nonce(shown, lease)
    }

    pub fn machine(&self, id: &MachineId) -> Result<Arc<Machine>, ErrorBody> {
        self.ctx.hub.get(id).ok_or_else(|| not_found(id))
    }

    pub(crate) fn owner(&self, id: &MachineId) -> Result<Handle, ErrorBody> {
        let owner = self.lock().get(id).cloned();
        owner.ok_or_else(|| match self.ctx.hub.get(id) {
            Some(_) => refuse(ErrorCode::WrongState, format!("machine {id} is destroyed")),
            None => not_found(id),
        })
    }

    /// Removes images that neither `keep` names nor any machine here needs.
    /// Adds lines to an app's log that are not of a guest.
    pub async fn append_log(&self, append: AppendLog) -> Result<(), ErrorBody> {
        if append.lines.len() > MAX_APPENDED_LINES {
            return Err(invalid(format!("more than {MAX_APPENDED_LINES} lines in one call")));
        }
        let entries = append.lines.into_iter().map(Entry::from).collect();
        let written = self.ctx.logs.append(&append.app, entries).await;
        written.map_err(|e| refuse(ErrorCode::Internal, format!("the lines can not be written: {e}")))
    }

    pub async fn collect_images(&self, keep: Vec<String>) -> Result<Collected, ErrorBody> {
        let machines = self.ctx.hub.list(None);
        let used = machines.iter().filter(|m| m.state != MachineState::Destroyed);
        let used = used.filter_map(|m| m.image.digest.clone());
        let keep: HashSet<String> = keep.into_iter().chain(used).collect();
        let collected = self.ctx.parts.images.collect(&keep).await;
        let collected = collected.map_err(|e| refuse(ErrorCode::Internal, e.to_string()))?;
        Ok(Collected { images: collected.images, freed_bytes: collected.bytes })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<MachineId, Handle>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_found(id: &MachineId) -> ErrorBody {
    refuse(ErrorCode::MachineNotFound, format!("machine not found: this host has no machine {id}"))
}

fn new_record(create: CreateMachine, place: Place, maker: Maker) -> Record {
    let now = Timestamp::now();
    let source = create.source.clone();
    let lease = create.lease.map(new_lease);
    let mut record = Record {
        id: create.id,
        name: create.name,
        app: create.app,
        network: create.network,
        region: create.region,
        spec: create.spec,
        instance_id: InstanceId::generate(),
        image_labels: Default::default(),
        place,
        state: MachineState::Created,
        halt: None,
        cordoned: create.cordoned,
        boot: 0,
        ended_boot: 0,
        ever_started: false,
        failed_boots: 0,
        restarts: Vec::new(),
        not_before: None,
        lease,
        maker: None,
        kept_bytes: None,
        events: Default::default(),
        created_at: now,
        updated_at: now,
        started_at: None,
        scheduled_at: None,
        boot_began: None,
    };
    record.add_event("launch", &source, None);
    if !create.skip_launch {
        record.begin_boot(maker);
    }
    record
}

fn open_shared(config: &HostConfig) -> Result<Shared, OpenError> {
    let settings = &config.settings;
    let io = |what| move |source| OpenError::Io { what, source };
    let capacity = roost_vmm::Capacity::probe(&config.dir).map_err(io("measuring the host"))?;
    let memory_mib = capacity.memory_mib.saturating_sub(settings.memory_reserve_mib);
    let logs = Logs::open(config.logs(), config.region.clone(), settings.logs_mib_per_app << 20);
    let store = Store::open(&config.database())?;
    Ok(Shared {
        volumes: Volumes::open(config, store.clone()).map_err(io("opening the volumes"))?,
        store,
        logs: logs.map_err(io("opening the logs"))?,
        ledger: Ledger::new(capacity.cpus, memory_mib, settings.shared_cpus_per_core),
        scratch: Scratch::open(&config.scratch_templates(), settings.rootfs_mib)?,
        shelf: Shelf::new(settings.suspended_disk_mib),
        sealing_key: SealingKey::open(&config.sealing_key()).map_err(io("opening the sealing key"))?,
    })
}

/// A folder that others may pass through, to what is theirs, and no more.
fn make_folder(path: &Path) -> Result<(), OpenError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o711).create(path);
    made.map_err(|source| OpenError::Io { what: "making the host's folder", source })
}
