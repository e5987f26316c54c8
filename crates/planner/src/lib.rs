//! How an app gets from the machines that it has to the machines that a release wants.
//!
//! Pure: [`plan`] takes what is desired and what is observed and gives named steps. It starts
//! nothing, waits for nothing and reads no clock; new machine ids come from its caller. Every step
//! can be repeated, and planning again after any number of them gives the rest, so whoever
//! executes a plan may die at any point.
//!
//! ```text
//!  counts() ──► Desired ┐
//!                       ├─► plan() ──► Plan: batches ──► lanes ──► steps
//!  Observed machines ───┘               in order      at once     in order
//! ```
//!
//! Placement is not here: a step names a machine, its executor finds the host.

mod counts;
mod desired;
mod observed;
mod plan;
mod rollout;
mod step;

pub use counts::{CountSource, counts};
pub use desired::{Desired, DesiredGroup, InvalidMaxUnavailable, MaxUnavailable, Replacement, Strategy};
pub use observed::ObservedMachine;
pub use plan::{Batch, Lane, Plan, PlannedStep};
pub use rollout::plan;
pub use step::{Launch, Step};
