//! The interface of a host: what api, edge and dns ask of it, and the stream by which it tells
//! them what its machines do. HTTP/1.1 with JSON bodies, over a unix socket on its own box.
//!
//! | call | body | answer |
//! |---|---|---|
//! | `GET /v1/host` | | [`HostInfo`] |
//! | `POST /v1/reservations` | [`ReserveRequest`] | [`Reservation`] |
//! | `DELETE /v1/reservations/{id}` | | |
//! | `POST /v1/machines` | [`CreateMachine`] | [`Machine`]; the same call again gives the same machine |
//! | `GET /v1/machines?app=` | | `[`[`Machine`]`]` |
//! | `GET /v1/machines/{id}` | | [`Machine`] |
//! | `PUT /v1/machines/{id}` | [`UpdateMachine`] | [`Machine`] |
//! | `POST /v1/machines/{id}/start` | [`Cause`] | [`Machine`], as soon as the step is recorded |
//! | `POST /v1/machines/{id}/stop` | [`StopMachine`] | [`Machine`], as above |
//! | `POST /v1/machines/{id}/suspend` | [`Cause`] | [`Machine`], as above; one that can not be suspended is stopped instead |
//! | `POST /v1/machines/{id}/restart` | [`StopMachine`] | [`Machine`] |
//! | `POST /v1/machines/{id}/signal` | [`SignalMachine`] | |
//! | `POST /v1/machines/{id}/cordon`, `/uncordon` | [`Cause`] | [`Machine`] |
//! | `POST /v1/machines/{id}/metadata` | [`SetMetadata`] | [`Machine`] |
//! | `GET /v1/machines/{id}/versions` | | `[`[`MachineVersion`]`]`, the present one first |
//! | `DELETE /v1/machines/{id}?…` ([`DestroyMachine`]) | | [`Machine`], as above |
//! | `GET /v1/machines/{id}/wait?…` ([`WaitQuery`]) | | [`Machine`]; 408 when the time is over |
//! | `POST /v1/machines/{id}/exec` | [`ExecMachine`] | [`ExecResult`] |
//! | `GET /v1/machines/{id}/exec-stream` | upgrade `roost-exec` | [`ExecFrame`]s, a JSON line each, both ways |
//! | `GET /v1/machines/{id}/listeners` | | `[`[`roost_guest_api::Listener`]`]` |
//! | `GET /v1/machines/{id}/ps` | | `[`[`roost_guest_api::ProcessInfo`]`]` |
//! | `GET /v1/machines/{id}/memory` | | [`roost_guest_api::MemoryInfo`] |
//! | `POST/GET /v1/machines/{id}/lease` | [`LeaseRequest`] | [`Lease`] |
//! | `DELETE /v1/machines/{id}/lease?nonce=` | | |
//! | `GET /v1/metrics?app=` | | a Prometheus page, as a JSON string |
//! | `GET /v1/logs?…` ([`LogQuery`]) | | [`LogLine`]s, a JSON line each |
//! | `POST /v1/logs` | [`AppendLog`] | |
//! | `GET /v1/watch` | | [`WatchEvent`]s, a JSON line each |
//! | `POST /v1/volumes` | [`CreateVolume`] | [`Volume`]; the same call again gives the same volume |
//! | `GET /v1/volumes?app=` | | `[`[`Volume`]`]` |
//! | `DELETE /v1/volumes?app=` | | ; nothing of the app's can be had back |
//! | `GET /v1/volumes/{id}` | | [`Volume`] |
//! | `PUT /v1/volumes/{id}` | [`VolumeKeep`] | [`Volume`] |
//! | `POST /v1/volumes/{id}/extend` | [`ExtendVolume`] | [`ExtendedVolume`] |
//! | `DELETE /v1/volumes/{id}?…` ([`DestroyVolume`]) | | [`Volume`]; its disk is kept for a while |
//! | `POST /v1/volumes/{id}/undestroy` | | [`Volume`] |
//! | `GET /v1/volumes/{id}/snapshots` | | `[`[`Snapshot`]`]`, newest first |
//! | `POST /v1/volumes/{id}/snapshots` | | [`Snapshot`], as soon as the wish is recorded |
//! | `POST /v1/images/collect` | [`CollectImages`] | [`Collected`] |
//!
//! Errors: status 4xx or 5xx with an [`ErrorBody`].

pub mod client;
mod error;
mod introduction;
mod types;
mod volume;
mod wait;

pub use client::{HostClient, HostError};
pub use error::*;
pub use introduction::{Introduction, MAX_INTRODUCTION};
pub use types::*;
pub use volume::*;
pub use wait::{Reached, Wait, WaitQuery, states};

/// Name of the protocol that `exec-stream` upgrades to.
pub const EXEC_PROTOCOL: &str = "roost-exec";

/// Largest body of a request: a machine's configuration with its injected files.
pub const MAX_REQUEST_BYTES: usize = 8 << 20;

/// Largest JSON line of a stream: one machine, whose configuration came in one request.
pub const MAX_LINE_BYTES: usize = 2 * MAX_REQUEST_BYTES;

/// Largest answer that is read whole: the list of all machines of a host.
pub const MAX_ANSWER_BYTES: usize = 256 << 20;
