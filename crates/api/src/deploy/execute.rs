//! Going through a plan: batches one after the other, the lanes of a batch at once.

use futures::future::try_join_all;
use roost_api_types::StepState;
use roost_planner::PlannedStep;
use roost_records::RolloutRecord;

use super::{
    crash::CrashPoint,
    failure::{Stop, with_log},
    step::perform,
    work::Work,
};

/// Does what of the plan is not done yet. The first failure cancels the other lanes, between two
/// steps or within one: each can be repeated or undone by the next plan.
pub async fn execute(work: &Work, rollout: &RolloutRecord) -> Result<(), Stop> {
    let mut batches: Vec<Vec<Vec<PlannedStep<'_>>>> = Vec::new();
    for step in rollout.plan.steps() {
        batches.resize_with(batches.len().max(step.batch + 1), Vec::new);
        let lanes = &mut batches[step.batch];
        lanes.resize_with(lanes.len().max(step.lane + 1), Vec::new);
        lanes[step.lane].push(step);
    }
    for lanes in batches {
        try_join_all(lanes.into_iter().map(|steps| lane(work, rollout, steps))).await?;
    }
    Ok(())
}

async fn lane(work: &Work, rollout: &RolloutRecord, steps: Vec<PlannedStep<'_>>) -> Result<(), Stop> {
    for planned in steps {
        let done = rollout.progress.get(planned.index).is_some_and(|p| p.state == StepState::Done);
        if done {
            continue;
        }
        work.journal.mark(planned.index, StepState::Running).await?;
        CrashPoint::of(planned.step).reach();
        match perform(work, planned.group, planned.step).await {
            Ok(()) => work.journal.mark(planned.index, StepState::Done).await?,
            Err(Stop::Failed(failure)) => {
                work.journal.mark(planned.index, StepState::Failed).await?;
                return Err(with_log(work, *failure).await.into());
            }
            Err(Stop::Lost) => return Err(Stop::Lost),
        }
    }
    Ok(())
}
