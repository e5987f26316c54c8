//! The sections of a `fly.toml`, one struct each.

mod build;
mod check;
mod deploy;
mod experimental;
mod extras;
mod mount;
mod service;
mod vm;

pub use build::{Build, Compose};
pub use check::{Check, MachineCheck};
pub use deploy::{Deploy, StrategyName, TimeLimit};
pub use experimental::{Attached, AttachedSecrets, Experimental};
pub use extras::{FileSection, MetricsSection, RestartSection, StaticSection};
pub use mount::Mount;
pub use service::{HttpService, PortSection, ServiceSection};
pub use vm::Vm;
