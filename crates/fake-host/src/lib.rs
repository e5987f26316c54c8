//! A host for tests: it speaks the real host-api over a unix socket, and its machines are small HTTP
//! servers on loopback instead of VMs.
//!
//! Like the real one it makes, starts, stops, updates and destroys machines when asked, takes time for
//! it, tells the watch stream of every step, and cuts off whatever is connected to a machine that
//! stops. It runs no guest, keeps nothing on disk, and is never part of a server.
//!
//! A test adds machines itself ([`FakeHost::add`]), or lets an api create them. What a created one
//! does is said by the variable `BEHAVIOUR` of its configuration:
//!
//! | value | the machine |
//! |---|---|
//! | `fine`, or nothing | starts, and listens where its first service says |
//! | `slow` | the same, half a second later |
//! | `crash` | starts, and exits with code 3 |
//! | `elsewhere` | listens on 127.0.0.1:3000, as its guest sees it |
//! | `stuck` | never comes further than starting |

mod api;
mod host;
mod life;
mod machine;
mod machines;
mod plan;
mod server;
mod volumes;

pub use host::FakeHost;
pub use machine::FakeMachine;
