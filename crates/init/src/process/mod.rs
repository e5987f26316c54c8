//! Starting a tenant's process, and what it may do.

mod capabilities;
mod cgroup;
mod child;
mod command;
mod spawn;
mod stdio;
mod user;

pub use cgroup::Cgroup;
pub use child::become_reader;
pub use command::Command;
pub use spawn::{Namespace, Spawned, spawn};
pub use stdio::{Pty, Stdio, Streams};
pub use user::{Identity, Passwd};
