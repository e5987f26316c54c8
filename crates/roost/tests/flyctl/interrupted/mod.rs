//! The api is killed in every call by which a command changes something: once before it gets the call, once
//! when it has acted and before it has answered. It is started again, and what flyctl repeats by itself, or
//! the same command once more, ends where it would have ended.
//!
//! The host lives on in the test's process, as it does where roles run apart: it is a fake one, for no VM is
//! the point here. Only [`real`] kills a whole server with real VMs.

pub mod apps;
mod bench;
pub mod deploys;
pub mod machines;
pub mod parts;
pub mod real;

pub use bench::{Bench, words};
