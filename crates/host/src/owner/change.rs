//! Changes of what a machine is: update, metadata, cordon, destroy.

use std::sync::Arc;

use roost_host_api::{
    Cause, DestroyMachine, ErrorBody, ErrorCode, LeaseRequest, Machine, SetMetadata, StopMachine,
    UpdateMachine, VolumeKeep,
};
use roost_model::{InstanceId, MachineState};

use super::{
    Owner,
    activity::Activity,
    lease::new_lease,
    release::Left,
    stop::{default_halt, halt_of},
};
use crate::{
    context::refuse,
    record::{LeaseRecord, Record, Then},
    request,
    step::Step,
    volumes::Taker,
};

impl Owner {
    /// A new version takes the place of the old one, which is stopped as its own configuration says.
    pub(super) async fn update(&mut self, mut update: UpdateMachine) -> Result<Arc<Machine>, ErrorBody> {
        self.check_lease(update.lease_nonce.as_deref())?;
        self.check_update(&update)?;
        let then = if update.skip_launch { Then::Stay } else { Then::Start };
        let mut halt =
            halt_of(&self.record, &StopMachine::default(), then).unwrap_or_else(|_| default_halt(then));
        halt.then = then;
        let guest = request::check_spec(&update.spec)?;
        let claim = match then {
            Then::Start => Some(self.ctx.ledger.claim(&self.record.id, &guest, None)?),
            _ => None,
        };
        let (machine, app) = (&self.record.id, &self.record.app);
        let taker = Taker { machine, app, keep: VolumeKeep::default() };
        self.ctx.volumes.assign(taker, &mut update.spec.config.mounts).await?;
        let lease = take_lease(&self.record, &update);
        let UpdateMachine { spec, source, .. } = update;
        let before = self.record.clone();
        let record = &mut self.record;
        record.state = MachineState::Replacing;
        record.halt = Some(halt);
        record.not_before = None;
        record.kept_bytes = None;
        record.spec = spec;
        record.instance_id = InstanceId::generate();
        record.ever_started = false;
        record.failed_boots = 0;
        record.restarts.clear();
        record.lease = lease.clone();
        record.add_event("update", &source, None);
        if let Err(error) = self.ctx.store.save_replaced(&self.record, &before).await {
            self.record = before;
            return Err(error.into());
        }
        let shown = self.show();
        if claim.is_some() {
            self.claim = claim;
        }
        self.end_what_runs().await;
        Ok(with_nonce(shown, lease))
    }

    fn check_update(&self, update: &UpdateMachine) -> Result<(), ErrorBody> {
        if !self.record.state.can_update() || self.is_being_destroyed() {
            return Err(self.wrong_state("updated"));
        }
        if let Some(wanted) = update.current_version.filter(|v| *v != self.record.instance_id) {
            return Err(self.other_version(wanted));
        }
        if update.name.as_ref().is_some_and(|name| *name != self.record.name) {
            let text = format!(
                "machine {} is called {}; a name can not be changed",
                self.record.id, self.record.name
            );
            return Err(refuse(ErrorCode::InvalidRequest, text));
        }
        Ok(())
    }

    fn other_version(&self, wanted: InstanceId) -> ErrorBody {
        let (id, now) = (&self.record.id, self.record.instance_id);
        let text =
            format!("machine {id} is at version {now}, not at {wanted}: somebody changed it; read it again");
        refuse(ErrorCode::VersionMismatch, text)
    }

    /// A lease does not keep others from this: metadata restarts nothing, and clients that hold the
    /// lease change it without their nonce.
    pub(super) async fn set_metadata(&mut self, change: &SetMetadata) -> Result<Arc<Machine>, ErrorBody> {
        if let Some(wanted) = change.machine_version.filter(|v| *v != self.record.instance_id) {
            return Err(self.other_version(wanted));
        }
        self.commit(None, |record| record.apply_metadata(change)).await
    }

    pub(super) async fn set_cordoned(
        &mut self,
        cause: &Cause,
        cordoned: bool,
    ) -> Result<Arc<Machine>, ErrorBody> {
        self.check_lease(cause.lease_nonce.as_deref())?;
        if self.record.cordoned == cordoned {
            return Ok(self.show_unchanged());
        }
        self.commit(None, |record| {
            record.cordoned = cordoned;
            let kind = if cordoned { "cordon" } else { "uncordon" };
            record.add_event_because(kind, &cause.source, cause.reason.clone());
        })
        .await
    }

    pub(super) async fn destroy(&mut self, destroy: &DestroyMachine) -> Result<Arc<Machine>, ErrorBody> {
        self.check_lease(destroy.lease_nonce.as_deref())?;
        match self.record.state {
            state if state.is_gone() => Ok(self.show_unchanged()),
            // It is being ended in order already, and is destroyed after that.
            MachineState::Stopping if !destroy.force => {
                self.commit(Some(Step::Destroy), |record| {
                    if let Some(halt) = &mut record.halt {
                        halt.then = Then::Destroy;
                    }
                    record.lease = None;
                    record.add_event("destroy", &destroy.source, None);
                })
                .await
            }
            _ if self.record.holds_capacity() && !destroy.force => {
                Err(self.wrong_state("destroyed; stop it first, or force it"))
            }
            _ => self.destroy_now(&destroy.source).await,
        }
    }

    async fn destroy_now(&mut self, source: &str) -> Result<Arc<Machine>, ErrorBody> {
        let shown = self
            .commit(Some(Step::Destroy), |record| {
                record.state = MachineState::Destroying;
                record.halt = None;
                record.not_before = None;
                record.kept_bytes = None;
                // Nobody else is to wait for the end of a right to what is gone.
                record.lease = None;
                record.add_event("destroy", source, None);
            })
            .await?;
        self.checks.clear();
        match self.activity.take() {
            // Does all that is needed.
            Activity::Releasing(job) => self.activity = Activity::Releasing(job),
            Activity::Booting(boot) => self.release_now(Left::Boot(boot)),
            _ => self.release_now(Left::Unknown),
        }
        Ok(shown)
    }

    fn is_being_destroyed(&self) -> bool {
        self.record.halt.as_ref().is_some_and(|halt| halt.then == Then::Destroy)
    }
}

/// The lease that an update leaves: a new one, when it asks for that.
fn take_lease(record: &Record, update: &UpdateMachine) -> Option<LeaseRecord> {
    let Some(lease) = update.lease.clone() else { return record.lease.clone() };
    Some(new_lease(LeaseRequest { nonce: update.lease_nonce.clone(), ..lease }))
}

/// The answer to a call that took a lease tells its nonce, and nobody else.
pub fn with_nonce(shown: Arc<Machine>, lease: Option<LeaseRecord>) -> Arc<Machine> {
    match lease {
        Some(lease) => Arc::new(Machine { nonce: Some(lease.nonce), ..Machine::clone(&shown) }),
        None => shown,
    }
}
