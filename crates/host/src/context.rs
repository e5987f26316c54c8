//! What all owners share.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use roost_host_api::{ErrorBody, ErrorCode, Machine};
use roost_model::{Guest, MachineId, service::CheckStatus};
use roost_vmm::{JailSpec, Maker};

use crate::{
    capacity::Ledger,
    config::HostConfig,
    hub::Hub,
    logs::Logs,
    memory::Shelf,
    metrics::Metrics,
    place,
    primed::PrimedGuests,
    record::Record,
    scratch::Scratch,
    seams::Parts,
    secrets::SealingKey,
    step::Step,
    store::{Store, StoreError},
    volumes::Volumes,
};

pub struct Context {
    pub config: HostConfig,
    pub parts: Parts,
    pub store: Store,
    pub logs: Logs,
    pub hub: Hub,
    pub ledger: Ledger,
    pub metrics: Metrics,
    pub scratch: Scratch,
    pub primed: PrimedGuests,
    pub shelf: Shelf,
    pub sealing_key: SealingKey,
    pub volumes: Arc<Volumes>,
    sessions: AtomicU64,
}

pub struct Shared {
    pub store: Store,
    pub logs: Logs,
    pub ledger: Ledger,
    pub scratch: Scratch,
    pub shelf: Shelf,
    pub sealing_key: SealingKey,
    pub volumes: Arc<Volumes>,
}

impl Context {
    pub fn new(config: HostConfig, parts: Parts, shared: Shared) -> Arc<Self> {
        let Shared { store, logs, ledger, scratch, shelf, sealing_key, volumes } = shared;
        // Sessions with a guest must differ from those of an earlier process with the same guest.
        let sessions = AtomicU64::new(rand::random::<u64>() >> 1);
        let hub = Hub::new();
        let metrics = Metrics::default();
        let most = config.settings.primed_guests as usize;
        let primed = PrimedGuests::new(if parts.vmm.can_prime(&parts.boot) { most } else { 0 });
        Arc::new(Self {
            config,
            parts,
            store,
            logs,
            hub,
            ledger,
            metrics,
            scratch,
            primed,
            shelf,
            sealing_key,
            volumes,
            sessions,
        })
    }

    /// The number of a new session with a guest; none before it had it.
    pub fn next_session(&self) -> u64 {
        self.sessions.fetch_add(1, Ordering::Relaxed)
    }

    /// Records a step that an owner is about to take; tries until it is on disk.
    pub async fn record_step(&self, id: &MachineId, step: Step) {
        self.retry(id, || self.store.record_step(id, step)).await;
        tracing::debug!(machine = %id, %step, "step");
    }

    /// What happened has happened: a database that fails for a while (a full disk) delays its machines,
    /// it does not make the host forget.
    pub async fn retry<F>(&self, id: &MachineId, mut save: impl FnMut() -> F)
    where
        F: Future<Output = Result<(), StoreError>>,
    {
        while let Err(error) = save().await {
            tracing::error!(machine = %id, %error, "record not saved");
            tokio::time::sleep(SAVE_AGAIN).await;
        }
    }

    /// What machines are made by here and now.
    pub fn maker(&self) -> Maker {
        self.parts.vmm.maker(&self.parts.boot)
    }

    pub fn jail(&self, record: &Record, guest: &Guest) -> JailSpec {
        let uid = place::uid(&self.config, record);
        place::jail(&self.config, &record.id, uid, guest, self.parts.vmm.is_emulated())
    }

    /// The machine as others see it.
    pub fn view(&self, record: &Record, checks: &[CheckStatus]) -> Machine {
        Machine {
            id: record.id.clone(),
            name: record.name.clone(),
            app: record.app.clone(),
            host: self.config.id.clone(),
            region: record.region.clone(),
            network: record.network,
            state: record.state,
            instance_id: record.instance_id,
            private_ip: place::address(&self.config, record).ip(),
            ipv4: place::ipv4(&self.config, record),
            image: record.spec.image.clone(),
            image_labels: record.image_labels.clone(),
            config: record.spec.config.clone(),
            secrets_version: record.spec.secrets_version,
            cordoned: record.cordoned,
            checks: checks.to_vec(),
            events: record.events.iter().cloned().collect(),
            created_at: record.created_at,
            updated_at: record.updated_at,
            started_at: record.started_at,
            nonce: None,
        }
    }
}

const SAVE_AGAIN: std::time::Duration = std::time::Duration::from_secs(1);

/// An answer that is not a success.
pub fn refuse(code: ErrorCode, message: impl Into<String>) -> ErrorBody {
    ErrorBody { code, message: message.into() }
}

impl From<StoreError> for ErrorBody {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Full { .. } => ErrorCode::NoCapacity,
            _ => ErrorCode::Internal,
        };
        refuse(code, error.to_string())
    }
}
