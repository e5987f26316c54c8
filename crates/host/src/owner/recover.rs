//! Where an owner begins with a machine that an earlier process left, in any state whatever.

use std::{sync::Arc, time::Duration};

use roost_model::{Guest, MachineState};
use tokio::time::Instant;

use super::{
    Owner,
    activity::{Activity, Boot, Running},
    establish::establish,
    release::Left,
    resume::go_on,
};
use crate::{
    checks::Checks,
    guest::{Identity, Line},
    memory,
    seams::Vm,
};

/// A machine is given up only if its VMM can not be found again in several tries.
const ADOPT_TRIES: u32 = 3;
const ADOPT_AGAIN: Duration = Duration::from_secs(1);

impl Owner {
    pub(super) async fn recover(&mut self) {
        self.show();
        if let Some(bytes) = self.record.kept_bytes {
            self.keep_room(bytes);
        }
        if self.record.state == MachineState::Created {
            return self.prepare_now();
        }
        if !self.record.holds_capacity() && self.record.state != MachineState::Destroying {
            return;
        }
        if let Ok(Some(step)) = self.ctx.store.last_step(&self.record.id).await {
            tracing::info!(machine = %self.record.id, state = %self.record.state, %step, "going on");
        }
        let guest = self.record.spec.config.guest().unwrap_or_else(|_| Guest::default());
        if self.claim.is_none() && self.record.holds_capacity() {
            self.claim = Some(self.ctx.ledger.claim_running(&self.record.id, &guest));
        }
        let vm = self.find_vm(&guest).await;
        match (self.record.state, vm) {
            (MachineState::Starting, Some(vm)) if self.record.kept_bytes.is_some() => self.go_on(vm),
            (MachineState::Starting, None) if self.record.kept_bytes.is_some() => self.release_vmm_now(),
            (MachineState::Starting, Some(vm)) => self.establish(vm),
            (MachineState::Suspending, Some(vm)) if !self.is_kept() => self.save_now(vm),
            (MachineState::Suspending, Some(vm)) => self.kept(vm).await,
            (MachineState::Suspending, None) if self.is_kept() => self.release_vmm_now(),
            (MachineState::Suspending, None) => self.lost("nothing of it was kept".to_owned()).await,
            (MachineState::Started, Some(vm)) => {
                let running = self.line_to(vm);
                self.checks = Checks::initial(&self.record);
                self.watch_over(running);
                self.show();
            }
            (MachineState::Started, None) => {
                self.record_unseen_exit(
                    "the machine ended while the host's agent was away".to_owned(),
                    false,
                )
                .await;
                self.release_now(Left::Unknown);
            }
            (MachineState::Stopping | MachineState::Replacing, Some(vm)) => {
                self.activity = Activity::Running(self.line_to(vm));
                self.end_what_runs().await;
            }
            _ => self.release_now(Left::Unknown),
        }
    }

    /// The VMM of the boot that is under way. One whose end is recorded is only to be removed.
    async fn find_vm(&self, guest: &Guest) -> Option<Arc<dyn Vm>> {
        if self.record.state == MachineState::Destroying || self.record.ended_boot == self.record.boot {
            return None;
        }
        let jail = self.ctx.jail(&self.record, guest);
        for _ in 0..ADOPT_TRIES {
            match self.ctx.parts.vmm.adopt(&jail).await {
                Ok(vm) => return vm,
                Err(error) => tracing::error!(machine = %self.record.id, %error, "VMM not adopted"),
            }
            tokio::time::sleep(ADOPT_AGAIN).await;
        }
        None
    }

    /// Goes on with a guest that boots; one that was to start from a copy may stand still.
    fn establish(&mut self, vm: Arc<dyn Vm>) {
        let deadline = Instant::now() + self.ctx.config.vmm.boot_timeout();
        let (ctx, record) = (self.ctx.clone(), self.record.clone());
        let boot = Boot::begin(|cancel| async move {
            vm.go_on().await?;
            establish(ctx, record, vm, deadline, cancel).await
        });
        self.activity = Activity::Booting(boot);
    }

    /// Goes on with a guest that is being resumed.
    fn go_on(&mut self, vm: Arc<dyn Vm>) {
        let (ctx, record) = (self.ctx.clone(), self.record.clone());
        self.activity = Activity::Booting(Boot::begin(|cancel| go_on(ctx, record, vm, cancel)));
    }

    /// All of the machine's memory is on disk.
    fn is_kept(&self) -> bool {
        memory::whole(&self.ctx.config, &self.record.id).is_dir()
    }

    pub(super) fn line_to(&self, vm: Arc<dyn Vm>) -> Running {
        let (app, machine) = (self.record.app.clone(), self.record.id.clone());
        let line =
            Line::open(self.ctx.clone(), vm.clone(), Identity { app, machine, boot: self.record.boot });
        Running { vm, line, checks: None }
    }
}
