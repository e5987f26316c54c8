//! Steps that bring a machine of the desired release to where it serves.

use roost_model::{MachineId, MachineState};

use super::Group;
use crate::{ObservedMachine, Step, Strategy};

impl Group<'_> {
    /// What a running or booting machine still needs before it counts.
    pub(super) fn waits(&self, machine: &MachineId) -> Vec<Step> {
        let started = Step::WaitStarted { machine: machine.clone() };
        match self.strategy {
            Strategy::Rolling => vec![started, Step::WaitHealthy { machine: machine.clone() }],
            Strategy::Immediate => vec![started],
        }
    }

    /// What a machine of the desired release lacks; nothing when it serves.
    pub(super) fn bring_up(&self, machine: &ObservedMachine) -> Vec<Step> {
        let id = &machine.id;
        if machine.serves() || self.is_settled(machine) {
            return Vec::new();
        }
        let mut steps = Vec::new();
        if machine.asleep() {
            steps.push(Step::StartMachine { machine: id.clone() });
        }
        steps.extend(self.waits(id));
        if machine.cordoned {
            steps.push(Step::Uncordon { machine: id.clone() });
        }
        steps
    }

    /// A deploy that does not wait for health has nothing to do with what started.
    fn is_settled(&self, machine: &ObservedMachine) -> bool {
        self.strategy == Strategy::Immediate && !machine.cordoned && machine.state == MachineState::Started
    }
}
