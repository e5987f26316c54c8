//! The host role: the only writer of this box's machines.
//!
//! ```text
//!            host-api (HTTP over a unix socket)
//!                        │
//!  http ───► Host ──► owner of a machine ──► boot ──► images, scratch, network, vmm, guest
//!               │        │        │
//!               │      store     hub ───► reads, wait, watch
//!               └── capacity, logs, recovery, volumes
//! ```
//!
//! Responsible for: what runs here, from the recorded wish to the last cleaned-up file; its logs,
//! checks, leases and events; going on after a crash at any point ([`Step`]). Machines outlive this
//! process: it finds them again.
//!
//! Not responsible for: which machines there should be (the api), who may ask (its socket's
//! permissions), reaching machines from outside (the edge).

mod capacity;
mod checks;
mod config;
mod context;
mod guest;
mod host;
mod http;
mod hub;
mod janitor;
mod job;
mod logs;
mod memory;
mod metrics;
mod owner;
mod parts;
mod place;
mod primed;
mod record;
mod recovery;
mod refused;
mod request;
mod restart;
mod run_config;
mod scratch;
pub mod seams;
mod secrets;
mod signal;
mod standby;
mod step;
mod store;
mod volumes;

pub use capacity::NoCapacity;
pub use config::{HostConfig, HostSettings};
pub use host::{Host, OpenError};
pub use place::cgroup_root;
pub use scratch::ScratchError;
pub use step::{CRASH_VARIABLE, Step, UnknownStep};
pub use store::StoreError;
