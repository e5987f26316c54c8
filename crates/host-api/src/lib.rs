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
//! | `POST /v1/machines/{id}/restart` | [`StopMachine`] | [`Machine`] |
//! | `POST /v1/machines/{id}/signal` | [`SignalMachine`] | |
//! | `POST /v1/machines/{id}/cordon`, `/uncordon` | | [`Machine`] |
//! | `DELETE /v1/machines/{id}?force=` | | [`Machine`] |
//! | `GET /v1/machines/{id}/wait?state=&instance_id=&timeout_ms=` | | [`Machine`]; 408 when the time is over |
//! | `POST /v1/machines/{id}/exec` | [`ExecMachine`] | [`ExecResult`] |
//! | `GET /v1/machines/{id}/exec-stream?…` | upgrade `roost-exec` | [`ExecFrame`]s, a JSON line each, both ways |
//! | `GET /v1/machines/{id}/listeners` | | `[`[`roost_guest_api::Listener`]`]` |
//! | `GET /v1/machines/{id}/ps` | | `[`[`roost_guest_api::ProcessInfo`]`]` |
//! | `POST/GET/DELETE /v1/machines/{id}/lease` | [`LeaseRequest`] | [`Lease`] |
//! | `GET /v1/logs?…` ([`LogQuery`]) | | [`LogLine`]s, a JSON line each |
//! | `GET /v1/watch` | | [`WatchEvent`]s, a JSON line each |
//! | `POST /v1/images/collect` | [`CollectImages`] | [`Collected`] |
//!
//! Errors: status 4xx or 5xx with an [`ErrorBody`].

mod error;
mod types;

pub use error::*;
pub use types::*;
