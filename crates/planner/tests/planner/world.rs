//! An app's machines, as steps change them: what a host and an edge make of a plan.

use roost_model::{MachineId, MachineState};
use roost_planner::{Desired, Launch, ObservedMachine, Plan, Step, plan};

pub struct World {
    pub machines: Vec<ObservedMachine>,
    /// Release that executed steps create and update to.
    pub release: u64,
    next_id: u64,
}

/// The id of machine number `n`.
pub fn id(n: u64) -> MachineId {
    format!("{n:014x}").parse().unwrap()
}

pub fn machine(n: u64, group: &str, release: u64, state: MachineState) -> ObservedMachine {
    ObservedMachine {
        id: id(n),
        group: group.to_owned(),
        release: Some(release),
        state,
        cordoned: false,
        healthy: state == MachineState::Started,
    }
}

impl World {
    pub fn new(machines: Vec<ObservedMachine>) -> Self {
        Self { machines, release: 0, next_id: 0x1000 }
    }

    /// Plans for what is there now.
    pub fn plan(&mut self, desired: &Desired) -> Plan {
        self.release = desired.release;
        let next_id = &mut self.next_id;
        plan(desired, &self.machines, || {
            *next_id += 1;
            id(*next_id)
        })
    }

    pub fn serving(&self, group: &str) -> usize {
        self.machines.iter().filter(|m| m.group == group && m.serves()).count()
    }

    pub fn of(&self, group: &str) -> impl Iterator<Item = &ObservedMachine> {
        self.machines.iter().filter(move |m| m.group == group && !m.state.is_gone())
    }

    fn get(&mut self, id: &MachineId) -> &mut ObservedMachine {
        self.machines.iter_mut().find(|m| m.id == *id).expect("a step names a machine that exists")
    }

    /// Does a step. Panics when the step asks for what no host would do.
    pub fn apply(&mut self, step: &Step) {
        let release = self.release;
        match step {
            Step::CreateMachine { machine, group, launch, cordoned, .. } => {
                if self.machines.iter().any(|m| m.id == *machine) {
                    return;
                }
                let state = match launch {
                    Launch::Start => MachineState::Starting,
                    Launch::Keep => MachineState::Created,
                };
                self.machines.push(ObservedMachine {
                    id: machine.clone(),
                    group: group.clone(),
                    release: Some(release),
                    state,
                    cordoned: *cordoned,
                    healthy: false,
                });
            }
            Step::UpdateMachine { machine, launch, .. } => {
                let machine = self.get(machine);
                assert!(!machine.state.is_gone() && machine.state != MachineState::Failed, "{machine:?}");
                machine.release = Some(release);
                machine.healthy = false;
                machine.state = match machine.state {
                    _ if *launch == Launch::Start => MachineState::Starting,
                    MachineState::Stopping | MachineState::Suspending => MachineState::Stopped,
                    asleep if asleep.can_start() => asleep,
                    _ => MachineState::Starting,
                };
            }
            Step::StartMachine { machine } => self.get(machine).state = MachineState::Starting,
            Step::WaitStarted { machine } => {
                let machine = self.get(machine);
                let coming = [MachineState::Starting, MachineState::Replacing, MachineState::Started];
                assert!(coming.contains(&machine.state), "{machine:?}");
                machine.state = MachineState::Started;
            }
            Step::WaitHealthy { machine } => {
                let machine = self.get(machine);
                assert_eq!(machine.state, MachineState::Started, "{machine:?}");
                machine.healthy = true;
            }
            Step::Uncordon { machine } => self.get(machine).cordoned = false,
            Step::Cordon { machine } => self.get(machine).cordoned = true,
            Step::Drain { machine } => {
                assert!(self.get(machine).cordoned, "a machine in service is not drained");
            }
            Step::DestroyMachine { machine } => self.get(machine).state = MachineState::Destroyed,
        }
    }

    pub fn apply_all(&mut self, plan: &Plan) {
        for planned in plan.steps() {
            self.apply(planned.step);
        }
    }
}
