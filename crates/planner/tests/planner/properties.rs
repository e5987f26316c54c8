//! What holds for every app, every release and every moment in which a deploy may die.

use std::collections::BTreeMap;

use proptest::prelude::*;
use roost_model::MachineState;
use roost_planner::{
    Desired, DesiredGroup, MaxUnavailable, ObservedMachine, Plan, Replacement, Step, Strategy as Rollout,
};

use crate::world::{World, machine};

const GROUPS: [&str; 3] = ["cron", "web", "worker"];

fn max_unavailable() -> impl Strategy<Value = MaxUnavailable> {
    prop_oneof![Just(0.33), Just(0.5), Just(1.0), Just(2.0), Just(5.0)]
        .prop_map(|n| MaxUnavailable::new(n).unwrap())
}

fn desired_group() -> impl Strategy<Value = DesiredGroup> {
    let replacement = prop_oneof![Just(Replacement::CreateFirst), Just(Replacement::InPlace)];
    (0u32..6, replacement).prop_map(|(count, replacement)| DesiredGroup { count, replacement })
}

fn desired() -> impl Strategy<Value = Desired> {
    let groups = prop::collection::btree_map(prop::sample::select(&GROUPS[..]), desired_group(), 1..3);
    let strategy = prop_oneof![4 => Just(Rollout::Rolling), 1 => Just(Rollout::Immediate)];
    (groups, max_unavailable(), strategy).prop_map(|(groups, max_unavailable, strategy)| Desired {
        release: 2,
        strategy,
        max_unavailable,
        groups: groups.into_iter().map(|(name, group)| (name.to_owned(), group)).collect::<BTreeMap<_, _>>(),
    })
}

/// Machines in any state, of any release.
fn anything() -> impl Strategy<Value = Vec<ObservedMachine>> {
    let state = prop::sample::select(&MachineState::ALL[..]);
    let group = prop::sample::select(&GROUPS[..]);
    let parts = (group, 0u64..4, state, any::<bool>(), any::<bool>());
    prop::collection::vec(parts, 0..12).prop_map(|all| {
        let made = all.into_iter().enumerate().map(|(n, (group, release, state, cordoned, healthy))| {
            let release = (release > 0).then_some(release);
            ObservedMachine { release, cordoned, healthy, ..machine(n as u64 + 1, group, 0, state) }
        });
        made.collect()
    })
}

/// Machines of the release before, running or asleep, all in service.
fn settled() -> impl Strategy<Value = Vec<ObservedMachine>> {
    let state = prop_oneof![2 => Just(MachineState::Started), 1 => Just(MachineState::Stopped)];
    let parts = (prop::sample::select(&GROUPS[..]), state);
    prop::collection::vec(parts, 0..10).prop_map(|all| {
        let made =
            all.into_iter().enumerate().map(|(n, (group, state))| machine(n as u64 + 1, group, 1, state));
        made.collect()
    })
}

/// The steps of a plan with the lanes of each batch mixed as `picks` says.
fn interleaved(plan: &Plan, picks: &[usize]) -> Vec<Step> {
    let mut picks = picks.iter().copied().cycle();
    let mut steps = Vec::new();
    for batch in &plan.batches {
        let mut lanes: Vec<_> = batch.lanes.iter().map(|lane| lane.steps.iter()).collect();
        while !lanes.is_empty() {
            let at = picks.next().unwrap_or(0) % lanes.len();
            match lanes[at].next() {
                Some(step) => steps.push(step.clone()),
                None => drop(lanes.remove(at)),
            }
        }
    }
    steps
}

fn assert_reached(world: &World, desired: &Desired) -> Result<(), TestCaseError> {
    for name in GROUPS {
        let wanted = desired.groups.get(name).map_or(0, |group| group.count);
        let there: Vec<_> = world.of(name).collect();
        prop_assert_eq!(there.len(), wanted as usize, "group {}: {:?}", name, there);
        for machine in there {
            prop_assert_eq!(machine.release, Some(desired.release));
            prop_assert!(!machine.cordoned, "{:?}", machine);
            prop_assert!(machine.serves() || desired.strategy == Rollout::Immediate, "{:?}", machine);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// From whatever is there, one plan leads to what is desired, and then there is nothing to do.
    #[test]
    fn a_plan_reaches_what_is_desired(machines in anything(), desired in desired(), picks in prop::collection::vec(0usize..8, 1..40)) {
        let mut world = World::new(machines);
        let plan = world.plan(&desired);
        for step in interleaved(&plan, &picks) {
            world.apply(&step);
        }
        assert_reached(&world, &desired)?;
        let again = world.plan(&desired);
        prop_assert!(again.is_empty(), "{}", again);
    }

    /// A deploy that dies after any number of steps is finished by a new plan, any number of times,
    /// and at no moment fewer machines serve than may be missing.
    #[test]
    fn dying_anywhere_loses_nothing(
        machines in settled(),
        desired in desired(),
        picks in prop::collection::vec(0usize..8, 1..40),
        deaths in prop::collection::vec(0usize..20, 0..4),
    ) {
        let mut world = World::new(machines);
        let floors: Vec<(&str, usize)> = desired.groups.iter().map(|(name, group)| {
            let count = group.count as usize;
            let missing = match (group.replacement, desired.strategy) {
                (Replacement::CreateFirst, Rollout::Rolling) => 0,
                (Replacement::InPlace, Rollout::Rolling) => desired.max_unavailable.of(count),
                // Not waiting for health promises nothing.
                (_, Rollout::Immediate) => usize::MAX,
            };
            (name.as_str(), world.serving(name).min(count).saturating_sub(missing))
        }).collect();
        let lives = deaths.into_iter().map(Some).chain([None]);
        for life in lives {
            let plan = world.plan(&desired);
            let steps = interleaved(&plan, &picks);
            let until = life.unwrap_or(steps.len()).min(steps.len());
            for step in &steps[..until] {
                world.apply(step);
                for (name, floor) in &floors {
                    prop_assert!(world.serving(name) >= *floor, "{} < {} after {}", world.serving(name), floor, step);
                }
            }
        }
        assert_reached(&world, &desired)?;
    }

    /// A step that was done already and is done again changes nothing.
    #[test]
    fn steps_can_be_repeated(machines in settled(), desired in desired(), repeat in 0usize..30) {
        let mut once = World::new(machines.clone());
        let plan = once.plan(&desired);
        once.apply_all(&plan);
        let mut twice = World::new(machines);
        twice.plan(&desired);
        for planned in plan.steps() {
            twice.apply(planned.step);
            // Reboots are repeated only by whoever does not know that they happened.
            if planned.index == repeat && planned.step.name() != "update_machine" {
                twice.apply(planned.step);
            }
        }
        prop_assert_eq!(once.machines, twice.machines);
    }

    /// No lane of a batch touches a machine of another lane.
    #[test]
    fn lanes_are_independent(machines in anything(), desired in desired()) {
        let plan = World::new(machines).plan(&desired);
        for batch in &plan.batches {
            let mut seen = BTreeMap::new();
            for (lane, l) in batch.lanes.iter().enumerate() {
                for step in &l.steps {
                    let owner = *seen.entry(step.machine().clone()).or_insert(lane);
                    prop_assert_eq!(owner, lane);
                }
            }
        }
    }
}
