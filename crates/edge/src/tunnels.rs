//! WebSockets that are open, by machine: those of a machine that is emptied are asked to end, and all when the
//! edge stops.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use roost_model::MachineId;
use tokio_util::sync::CancellationToken;

pub(crate) struct Tunnels {
    all: CancellationToken,
    /// Each value lives for as long as a tunnel has it.
    machines: Mutex<HashMap<MachineId, Weak<CancellationToken>>>,
}

impl Tunnels {
    /// Until `all` is cancelled.
    pub fn new(all: CancellationToken) -> Self {
        Self { all, machines: Mutex::default() }
    }

    /// Cancelled when a tunnel to the machine, begun now, has to end.
    pub fn leave_of(&self, machine: &MachineId) -> Arc<CancellationToken> {
        let mut machines = self.lock();
        if let Some(leave) = machines.get(machine).and_then(Weak::upgrade) {
            return leave;
        }
        let leave = Arc::new(self.all.child_token());
        machines.insert(machine.clone(), Arc::downgrade(&leave));
        leave
    }

    /// Asks the tunnels to the machine to end; not those that begin later.
    pub fn end(&self, machine: &MachineId) {
        if let Some(leave) = self.lock().remove(machine).and_then(|leave| leave.upgrade()) {
            leave.cancel();
        }
    }

    /// Forgets machines to which there are none.
    pub fn sweep(&self) {
        self.lock().retain(|_, leave| leave.strong_count() > 0);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MachineId, Weak<CancellationToken>>> {
        self.machines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
