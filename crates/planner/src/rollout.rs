//! The plan itself: each group on its own, batch by batch; what no group wants goes last.

use std::collections::BTreeMap;

use roost_model::MachineId;

use crate::{Batch, Desired, DesiredGroup, Lane, ObservedMachine, Plan, Replacement, Step, Strategy};

mod bring_up;
mod create_first;
mod in_place;

/// Lanes of a batch at most, whatever a group allows: so many machines booting at once load a small
/// host enough.
const MAX_LANES: usize = 8;

/// Steps from what is observed to what is desired; empty when nothing is to be done.
///
/// `new_id` gives ids for the machines that the plan creates: random ones for a plan that is
/// executed, so that an id is recorded before its machine is made.
pub fn plan(desired: &Desired, observed: &[ObservedMachine], mut new_id: impl FnMut() -> MachineId) -> Plan {
    let mut members: BTreeMap<&str, Vec<&ObservedMachine>> = BTreeMap::new();
    for machine in observed.iter().filter(|m| m.exists()) {
        members.entry(&machine.group).or_default().push(machine);
    }
    let mut batches: Vec<Batch> = Vec::new();
    for (name, group) in &desired.groups {
        let mut group = Group::new(desired, name, group, members.remove(name.as_str()).unwrap_or_default());
        let lanes = match group.wanted.replacement {
            Replacement::CreateFirst => create_first::lanes(&mut group, &mut new_id),
            Replacement::InPlace => in_place::lanes(&mut group, &mut new_id),
        };
        merge(&mut batches, group.batched(lanes));
    }
    // A renamed group must be there before the old one goes.
    let removed: Vec<Lane> =
        members.iter().flat_map(|(name, machines)| machines.iter().map(|m| retire(name, m))).collect();
    batches.extend(removed.chunks(MAX_LANES).map(|lanes| Batch { lanes: lanes.to_vec() }));
    batches.retain(|batch| !batch.lanes.is_empty());
    Plan { batches }
}

/// Groups go through their batches side by side.
fn merge(batches: &mut Vec<Batch>, group: Vec<Batch>) {
    for (n, batch) in group.into_iter().enumerate() {
        match batches.get_mut(n) {
            Some(there) => there.lanes.extend(batch.lanes),
            None => batches.push(batch),
        }
    }
}

/// A group while it is planned.
struct Group<'a> {
    name: &'a str,
    wanted: &'a DesiredGroup,
    strategy: Strategy,
    /// Lanes at once.
    width: usize,
    /// Of the desired release, the best first.
    current: Vec<&'a ObservedMachine>,
    /// Of other releases; first those that are out of service, then running ones.
    old: Vec<&'a ObservedMachine>,
    failed: Vec<&'a ObservedMachine>,
}

impl<'a> Group<'a> {
    fn new(
        desired: &Desired,
        name: &'a str,
        wanted: &'a DesiredGroup,
        machines: Vec<&'a ObservedMachine>,
    ) -> Self {
        let count = wanted.count as usize;
        let width = match desired.strategy {
            Strategy::Rolling => desired.max_unavailable.of(count).min(MAX_LANES),
            Strategy::Immediate => MAX_LANES,
        };
        let (failed, usable): (Vec<_>, Vec<_>) = machines.into_iter().partition(|m| m.failed());
        let (mut current, mut old): (Vec<_>, Vec<_>) =
            usable.into_iter().partition(|m| m.release == Some(desired.release));
        current.sort_by_key(|m| (!m.serves(), m.cordoned, m.id.clone()));
        old.sort_by_key(|m| (!m.cordoned, m.asleep(), m.id.clone()));
        Self { name, wanted, strategy: desired.strategy, width, current, old, failed }
    }

    fn count(&self) -> usize {
        self.wanted.count as usize
    }

    fn lane(&self, steps: Vec<Step>) -> Lane {
        Lane { group: self.name.to_owned(), steps }
    }

    /// The group's lanes in batches.
    fn batched(&self, lanes: Lanes) -> Vec<Batch> {
        let mut work = lanes.work;
        let mut batches = Vec::new();
        if self.strategy == Strategy::Rolling && !work.is_empty() {
            batches.push(Batch { lanes: vec![work.remove(0)] });
        }
        batches.extend(work.chunks(self.width).map(|lanes| Batch { lanes: lanes.to_vec() }));
        batches.extend(lanes.surplus.chunks(MAX_LANES).map(|lanes| Batch { lanes: lanes.to_vec() }));
        batches
    }
}

/// What a group needs, in the order in which it is done.
#[derive(Default)]
struct Lanes {
    /// The first alone, the others in batches.
    work: Vec<Lane>,
    /// Machines that nothing takes the place of.
    surplus: Vec<Lane>,
}

/// Takes a machine out of service and away.
fn retire(group: &str, machine: &ObservedMachine) -> Lane {
    let steps = if machine.failed() {
        vec![Step::DestroyMachine { machine: machine.id.clone() }]
    } else {
        retire_steps(&machine.id)
    };
    Lane { group: group.to_owned(), steps }
}

fn retire_steps(machine: &MachineId) -> Vec<Step> {
    let machine = machine.clone();
    vec![
        Step::Cordon { machine: machine.clone() },
        Step::Drain { machine: machine.clone() },
        Step::DestroyMachine { machine },
    ]
}
