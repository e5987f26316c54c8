//! Deploys: bringing an app's machines to a release.
//!
//! ```text
//!  begin ──one transaction──► release, deploy (with its plan), lock
//!    │
//!    └► run ── ownership (leased key; every write is fenced by it)
//!         │
//!         ├─ execute: batches in order, lanes at once, steps in order
//!         │     each step: journal "running" ─► act ─► journal "done"
//!         │                      │               └─ gates: started? healthy? exited?
//!         │                      └─ directory; watchers read it there
//!         ├─ a step failed: journal "returning", plan and execute the way back
//!         └─ finish ──one transaction──► status, the app's current release, no lock
//!
//!  supervise: finds locks whose deploy nobody executes (after a crash), and runs those.
//! ```
//!
//! Every step can be repeated, so an executor may die anywhere: the next one goes on with the plan
//! that was recorded, from the first step that is not done.

mod begin;
mod crash;
mod desired;
mod execute;
mod failure;
mod gates;
mod journal;
mod listening;
mod owner;
mod run;
mod running;
mod step;
mod volumes;
mod work;

pub use self::{
    begin::{Begun, Draft, Intent, begin},
    crash::{CRASH_VARIABLE, CrashPoint},
    run::supervise,
    running::Deployer,
};
