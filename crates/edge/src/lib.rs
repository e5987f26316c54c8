//! The edge: what an app's users touch.
//!
//! Responsible for: HTTP by host name, from the client's connection to a machine's and back: finding
//! the app and the machine, waking one when none runs, counting what is in flight, forwarding both
//! ways as bytes arrive, and putting machines to sleep that nobody needs. It answers itself only when
//! it cannot ask the app, with a stable [`Code`].
//!
//! Not responsible for: starting or stopping by its own means (it asks the host), deciding which machine
//! is best (`roost-routing`), knowing which machines there are (`roost-catalog`).
//!
//! The path of a request, one file a step:
//!
//! ```text
//!  accept ─► request ─► route ─► wake ─► connect ─► forward ─► respond
//!                        │ permit, queue    │ pool     └─────► upgrade
//!                        └─ routing::choose └─ backend
//! ```

mod config;
mod serve;

mod accept;
mod backend;
mod connect;
mod forward;
mod headers;
mod permit;
mod pool;
mod queue;
mod request;
mod request_body;
mod respond;
mod route;
mod socket;
mod upgrade;
mod wake;

mod context;
mod failure;
mod limits;
mod loads;
mod sleeper;

pub use config::{EdgeConfig, Listener};
pub use failure::{Code, ERROR_HEADER, Failure};
pub use loads::serve_loads;
pub use serve::{EdgeError, serve};
