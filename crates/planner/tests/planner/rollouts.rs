//! The plans of ordinary deploys, step by step.

use std::collections::BTreeMap;

use roost_model::MachineState::{Created, Failed, Started, Stopped};
use roost_planner::{Desired, DesiredGroup, MaxUnavailable, Plan, Replacement, Strategy};

use crate::world::{World, machine};

fn desired(release: u64, groups: &[(&str, u32, Replacement)]) -> Desired {
    let group = |(name, count, replacement): &(&str, u32, Replacement)| {
        ((*name).to_owned(), DesiredGroup { count: *count, replacement: *replacement })
    };
    Desired {
        release,
        strategy: Strategy::Rolling,
        max_unavailable: MaxUnavailable::default(),
        groups: groups.iter().map(group).collect::<BTreeMap<_, _>>(),
    }
}

/// The plan in short: a line for each batch, its lanes parted by `|`.
fn short(plan: &Plan) -> Vec<String> {
    let lane = |lane: &roost_planner::Lane| {
        let step = |s: &roost_planner::Step| {
            format!("{} {}", s.name(), s.machine().as_str().trim_start_matches('0'))
        };
        lane.steps.iter().map(step).collect::<Vec<_>>().join(", ")
    };
    plan.batches.iter().map(|b| b.lanes.iter().map(lane).collect::<Vec<_>>().join(" | ")).collect()
}

const WEB: (&str, u32, Replacement) = ("web", 1, Replacement::CreateFirst);

#[test]
fn a_first_deploy_creates_the_first_machine_alone() {
    let plan = World::new(Vec::new()).plan(&desired(1, &[("web", 2, Replacement::CreateFirst)]));
    assert_eq!(
        short(&plan),
        [
            "create_machine 1001, wait_started 1001, wait_healthy 1001, uncordon 1001",
            "create_machine 1002, wait_started 1002, wait_healthy 1002, uncordon 1002",
        ]
    );
}

#[test]
fn one_machine_gives_way_only_when_its_successor_serves() {
    let mut world = World::new(vec![machine(1, "web", 1, Started)]);
    let plan = world.plan(&desired(2, &[WEB]));
    assert_eq!(
        short(&plan),
        [
            "create_machine 1001, wait_started 1001, wait_healthy 1001, uncordon 1001, cordon 1, drain 1, destroy_machine 1"
        ]
    );
    world.apply_all(&plan);
    assert!(world.plan(&desired(2, &[WEB])).is_empty());
}

#[test]
fn the_successor_of_a_sleeping_machine_sleeps_once_the_release_is_proven() {
    let machines = (1..=2).map(|n| machine(n, "web", 1, Stopped)).collect();
    let plan = World::new(machines).plan(&desired(2, &[("web", 2, Replacement::CreateFirst)]));
    assert_eq!(
        short(&plan),
        [
            "create_machine 1001, wait_started 1001, wait_healthy 1001, uncordon 1001, cordon 1, drain 1, destroy_machine 1",
            "create_machine 1002, cordon 2, drain 2, destroy_machine 2",
        ]
    );
}

#[test]
fn batches_are_as_wide_as_may_be_unavailable() {
    let machines = (1..=6).map(|n| machine(n, "web", 1, Started)).collect();
    let plan = World::new(machines).plan(&desired(2, &[("web", 6, Replacement::CreateFirst)]));
    let lanes: Vec<usize> = plan.batches.iter().map(|b| b.lanes.len()).collect();
    assert_eq!(lanes, [1, 2, 2, 1]);
}

#[test]
fn a_machine_with_a_volume_is_updated_in_place() {
    let data = ("db", 1, Replacement::InPlace);
    let plan = World::new(vec![machine(1, "db", 1, Started)]).plan(&desired(2, &[data]));
    assert_eq!(short(&plan), ["update_machine 1, wait_started 1, wait_healthy 1"]);
    let two = (1..=2).map(|n| machine(n, "db", 1, Started)).collect();
    let plan = World::new(two).plan(&desired(2, &[("db", 2, Replacement::InPlace)]));
    assert_eq!(
        short(&plan)[1],
        "cordon 2, drain 2, update_machine 2, wait_started 2, wait_healthy 2, uncordon 2"
    );
}

#[test]
fn groups_that_are_gone_go_last() {
    let mut world = World::new(vec![machine(1, "app", 1, Started)]);
    let plan = world.plan(&desired(2, &[WEB]));
    assert_eq!(
        short(&plan),
        [
            "create_machine 1001, wait_started 1001, wait_healthy 1001, uncordon 1001",
            "cordon 1, drain 1, destroy_machine 1",
        ]
    );
}

#[test]
fn scaling_touches_only_what_changes() {
    let mut world = World::new((1..=2).map(|n| machine(n, "web", 3, Started)).collect());
    assert_eq!(short(&world.plan(&desired(3, &[WEB]))), ["cordon 2, drain 2, destroy_machine 2"]);
    let up = world.plan(&desired(3, &[("web", 3, Replacement::CreateFirst)]));
    assert_eq!(short(&up), ["create_machine 1001, wait_started 1001, wait_healthy 1001, uncordon 1001"]);
    let none = world.plan(&desired(3, &[("web", 0, Replacement::CreateFirst)]));
    assert_eq!(none.batches[0].lanes.len(), 2);
}

#[test]
fn going_back_uses_the_good_machine_that_is_still_there() {
    let mut old = machine(1, "web", 1, Started);
    old.cordoned = true;
    let mut new = machine(2, "web", 2, Started);
    new.healthy = false;
    let plan = World::new(vec![old, new]).plan(&desired(1, &[WEB]));
    assert_eq!(
        short(&plan),
        ["wait_started 1, wait_healthy 1, uncordon 1, cordon 2, drain 2, destroy_machine 2"]
    );
}

#[test]
fn a_machine_that_could_not_be_made_is_made_anew() {
    let failed = machine(2, "web", 2, Failed);
    let plan = World::new(vec![machine(1, "web", 1, Started), failed]).plan(&desired(2, &[WEB]));
    assert_eq!(
        short(&plan),
        [
            "create_machine 1001, wait_started 1001, wait_healthy 1001, uncordon 1001, cordon 1, drain 1, destroy_machine 1",
            "destroy_machine 2",
        ]
    );
}

#[test]
fn a_machine_that_was_made_and_never_booted_is_started() {
    let mut new = machine(2, "web", 2, Created);
    new.cordoned = true;
    let plan = World::new(vec![new]).plan(&desired(2, &[WEB]));
    assert_eq!(short(&plan), ["start_machine 2, wait_started 2, wait_healthy 2, uncordon 2"]);
}

#[test]
fn immediate_is_one_batch_without_waiting_for_health() {
    let machines = (1..=3).map(|n| machine(n, "web", 1, Started)).collect();
    let wanted = desired(2, &[("web", 3, Replacement::CreateFirst)]);
    let plan = World::new(machines).plan(&Desired { strategy: Strategy::Immediate, ..wanted });
    assert_eq!(plan.batches.len(), 1);
    assert_eq!(plan.batches[0].lanes.len(), 3);
    assert!(plan.steps().all(|s| s.step.name() != "wait_healthy"));
}

#[test]
fn a_plan_is_stored_and_read_back_and_printed() {
    let plan = World::new(vec![machine(1, "web", 1, Started)]).plan(&desired(2, &[WEB]));
    let stored = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&stored).unwrap(), plan);
    assert_eq!(plan.steps().map(|s| s.index).collect::<Vec<_>>(), (0..7).collect::<Vec<_>>());
    let shown = plan.to_string();
    assert!(
        shown.starts_with(
            "1.\n   - create machine 00000000001001 in group web in place of 00000000000001, cordoned\n"
        ),
        "{shown}"
    );
}
