//! What everybody but the owner sees of the machines: immutable copies, swapped as they change.
//!
//! Responsible for: the answer to reads, `wait`, and the watch stream (order, sequence numbers, no gap
//! between the first picture and the changes). Readers never wait for an owner.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use roost_host_api::{Machine, WatchEvent};
use roost_model::{AppName, MachineId, MachineState};
use tokio::sync::broadcast;
use ulid::Ulid;

/// Changes that a watcher may be behind before it is cut off and has to start over.
const WATCH_ROOM: usize = 1024;

/// Changes of one machine that a waiter may be behind; it then looks at the present state.
const WAIT_ROOM: usize = 16;

pub struct Hub {
    /// Another after each start of the host.
    pub epoch: Ulid,
    state: Mutex<State>,
    changes: broadcast::Sender<Arc<WatchEvent>>,
}

#[derive(Default)]
struct State {
    seq: u64,
    machines: BTreeMap<MachineId, Entry>,
}

struct Entry {
    machine: Arc<Machine>,
    changes: broadcast::Sender<Arc<Machine>>,
}

/// Everything at one moment, and every change after it.
pub struct Watch {
    pub machines: Vec<Arc<Machine>>,
    pub seq: u64,
    pub changes: broadcast::Receiver<Arc<WatchEvent>>,
}

impl Hub {
    pub fn new() -> Self {
        let (changes, _) = broadcast::channel(WATCH_ROOM);
        Self { epoch: Ulid::generate(), state: Mutex::default(), changes }
    }

    /// Shows a machine as it is now.
    pub fn publish(&self, machine: Machine) -> Arc<Machine> {
        let machine = Arc::new(machine);
        let mut state = self.lock();
        state.seq += 1;
        let entry = state.machines.entry(machine.id.clone());
        let entry = entry
            .and_modify(|entry| entry.machine = machine.clone())
            .or_insert_with(|| Entry { machine: machine.clone(), changes: broadcast::channel(WAIT_ROOM).0 });
        // Fails when nobody listens, which is fine.
        let _ = entry.changes.send(machine.clone());
        let event = WatchEvent::Machine { seq: state.seq, machine: Box::new(Machine::clone(&machine)) };
        let _ = self.changes.send(Arc::new(event));
        machine
    }

    /// The record of a destroyed machine was dropped.
    pub fn remove(&self, id: &MachineId) {
        let mut state = self.lock();
        if state.machines.remove(id).is_some() {
            state.seq += 1;
            let _ = self.changes.send(Arc::new(WatchEvent::Gone { seq: state.seq, id: id.clone() }));
        }
    }

    pub fn get(&self, id: &MachineId) -> Option<Arc<Machine>> {
        self.lock().machines.get(id).map(|entry| entry.machine.clone())
    }

    pub fn list(&self, app: Option<&AppName>) -> Vec<Arc<Machine>> {
        let state = self.lock();
        let machines = state.machines.values().map(|entry| &entry.machine);
        machines.filter(|m| app.is_none_or(|app| m.app == *app)).cloned().collect()
    }

    pub fn any_is_starting(&self) -> bool {
        self.lock().machines.values().any(|entry| entry.machine.state == MachineState::Starting)
    }

    /// A machine and every change of it from now on.
    pub fn follow(&self, id: &MachineId) -> Option<(Arc<Machine>, broadcast::Receiver<Arc<Machine>>)> {
        let state = self.lock();
        state.machines.get(id).map(|entry| (entry.machine.clone(), entry.changes.subscribe()))
    }

    pub fn watch(&self) -> Watch {
        let state = self.lock();
        Watch {
            machines: state.machines.values().map(|entry| entry.machine.clone()).collect(),
            seq: state.seq,
            changes: self.changes.subscribe(),
        }
    }

    pub fn seq(&self) -> u64 {
        self.lock().seq
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
