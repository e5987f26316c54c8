//! Groups whose machines keep their place: each old machine is given the new configuration.

use roost_model::MachineId;

use super::{Group, Lanes, retire};
use crate::{Launch, ObservedMachine, Step, Strategy};

pub(super) fn lanes(group: &mut Group<'_>, new_id: &mut impl FnMut() -> MachineId) -> Lanes {
    let mut lanes = Lanes::default();
    let surplus_current = group.current.split_off(group.count().min(group.current.len()));
    let kept_old = (group.count() - group.current.len()).min(group.old.len());
    let surplus_old = group.old.split_off(kept_old);

    for machine in &group.current {
        let steps = group.bring_up(machine);
        if !steps.is_empty() {
            lanes.work.push(group.lane(steps));
        }
    }
    for machine in &group.old {
        let proves = lanes.work.is_empty() && group.strategy == Strategy::Rolling;
        lanes.work.push(group.lane(update(group, machine, proves)));
    }
    for _ in group.current.len() + group.old.len()..group.count() {
        lanes.work.push(group.lane(create(group, new_id())));
    }
    let unwanted = group.failed.iter().copied().chain(surplus_current).chain(surplus_old);
    lanes.surplus = unwanted.map(|machine| retire(group.name, machine)).collect();
    lanes
}

/// Updates a machine. It is taken out of service first when there are others to serve; alone it
/// stays in, so that requests wait for its boot instead of finding nobody.
fn update(group: &Group<'_>, old: &ObservedMachine, proves: bool) -> Vec<Step> {
    let machine = old.id.clone();
    let mut steps = Vec::new();
    if group.count() > 1 && !old.asleep() {
        steps.push(Step::Cordon { machine: machine.clone() });
        steps.push(Step::Drain { machine: machine.clone() });
    }
    let sleeps = old.asleep() && !proves;
    let launch = if sleeps { Launch::Keep } else { Launch::Start };
    steps.push(Step::UpdateMachine { machine: machine.clone(), group: group.name.to_owned(), launch });
    if !sleeps {
        steps.extend(group.waits(&machine));
    }
    let cordoned = old.cordoned || steps.iter().any(|step| matches!(step, Step::Cordon { .. }));
    if cordoned {
        steps.push(Step::Uncordon { machine });
    }
    steps
}

fn create(group: &Group<'_>, machine: MachineId) -> Vec<Step> {
    let made = Step::CreateMachine {
        machine: machine.clone(),
        group: group.name.to_owned(),
        replaces: None,
        launch: Launch::Start,
        cordoned: true,
    };
    let mut steps = vec![made];
    steps.extend(group.waits(&machine));
    steps.push(Step::Uncordon { machine });
    steps
}
