//! Groups that serve: each new machine takes requests before an old one stops.

use roost_model::MachineId;

use super::{Group, Lanes, retire, retire_steps};
use crate::{Launch, ObservedMachine, Step, Strategy};

pub(super) fn lanes(group: &mut Group<'_>, new_id: &mut impl FnMut() -> MachineId) -> Lanes {
    let mut lanes = Lanes::default();
    let surplus = group.current.split_off(group.count().min(group.current.len()));
    let mut old = std::mem::take(&mut group.old).into_iter();

    for machine in &group.current {
        let steps = group.bring_up(machine);
        if steps.is_empty() {
            continue;
        }
        // It was made in the place of an old machine that still serves.
        let steps = followed_by_retiring(steps, old.next());
        lanes.work.push(group.lane(steps));
    }
    for _ in group.current.len()..group.count() {
        let replaced = old.next();
        let proves = lanes.work.is_empty() && group.strategy == Strategy::Rolling;
        let steps = create(group, new_id(), replaced, proves);
        lanes.work.push(group.lane(followed_by_retiring(steps, replaced)));
    }
    let unwanted = group.failed.iter().copied().chain(surplus).chain(old);
    lanes.surplus = unwanted.map(|machine| retire(group.name, machine)).collect();
    lanes
}

/// Makes a machine that serves. One that takes the place of a sleeping machine is left asleep,
/// unless it has to prove that the release works.
fn create(
    group: &Group<'_>,
    machine: MachineId,
    replaced: Option<&ObservedMachine>,
    proves: bool,
) -> Vec<Step> {
    let sleeps = !proves && replaced.is_some_and(ObservedMachine::asleep);
    let made = Step::CreateMachine {
        machine: machine.clone(),
        group: group.name.to_owned(),
        replaces: replaced.map(|old| old.id.clone()),
        launch: if sleeps { Launch::Keep } else { Launch::Start },
        cordoned: !sleeps,
    };
    let mut steps = vec![made];
    if !sleeps {
        steps.extend(group.waits(&machine));
        steps.push(Step::Uncordon { machine });
    }
    steps
}

fn followed_by_retiring(mut steps: Vec<Step>, old: Option<&ObservedMachine>) -> Vec<Step> {
    if let Some(old) = old {
        steps.extend(retire_steps(&old.id));
    }
    steps
}
