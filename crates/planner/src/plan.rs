//! A plan: batches one after the other, each of lanes that may run at once, each of steps in order.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Step;

/// Steps that bring an app to what a release wants. Executing them one by one in the order of
/// [`Plan::steps`] is right as well, only slower.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    pub batches: Vec<Batch>,
}

/// Work that must be done before the next batch begins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Batch {
    pub lanes: Vec<Lane>,
}

/// What happens in one place of a group, in order. Two lanes of a plan never share a machine
/// within a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lane {
    pub group: String,
    pub steps: Vec<Step>,
}

/// A step with its place in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedStep<'a> {
    /// Counts from 0 over the whole plan: a stable name to record the step's state under.
    pub index: usize,
    pub batch: usize,
    pub lane: usize,
    pub group: &'a str,
    pub step: &'a Step,
}

impl Plan {
    /// Nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Every step, in an order in which they may be executed one by one.
    pub fn steps(&self) -> impl Iterator<Item = PlannedStep<'_>> {
        let lanes = self
            .batches
            .iter()
            .enumerate()
            .flat_map(|(batch, b)| b.lanes.iter().enumerate().map(move |(lane, l)| (batch, lane, l)));
        let steps = lanes.flat_map(|(batch, lane, l)| l.steps.iter().map(move |step| (batch, lane, l, step)));
        steps.enumerate().map(|(index, (batch, lane, l, step))| PlannedStep {
            index,
            batch,
            lane,
            group: &l.group,
            step,
        })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing to do\n");
        }
        for (number, batch) in self.batches.iter().enumerate() {
            let word = if batch.lanes.len() > 1 { " (at once)" } else { "" };
            writeln!(f, "{}.{word}", number + 1)?;
            for lane in &batch.lanes {
                for (n, step) in lane.steps.iter().enumerate() {
                    writeln!(f, "   {} {step}", if n == 0 { "-" } else { " " })?;
                }
            }
        }
        Ok(())
    }
}
