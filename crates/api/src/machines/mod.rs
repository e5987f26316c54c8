//! Machines, as the Machines API has them. Each call ends in the same call of the machine's host.

mod change;
mod exec;
mod inspect;
mod lease;
mod lifecycle;
mod list;
mod metadata;
mod name;
mod wait;

pub use self::{
    change::{create, update},
    exec::{exec, exec_stream},
    inspect::{events, listener_address, ps},
    lease::{get_lease, release_lease, take_lease},
    lifecycle::{cordon, destroy, restart, signal, start, stop, uncordon},
    list::{get, list},
    metadata::{metadata, remove_metadata, set_metadata},
    name::name_for,
    wait::wait,
};
