//! A host for tests: it speaks the real host-api over a unix socket, and its machines are small HTTP
//! servers on loopback instead of VMs.
//!
//! Like the real one it starts and stops machines when asked, takes time for it, tells the watch
//! stream of every step, and cuts off whatever is connected to a machine that stops. It runs no
//! guest, keeps nothing on disk, and is never part of a server.

mod api;
mod host;
mod machine;
mod server;

pub use host::FakeHost;
pub use machine::FakeMachine;
