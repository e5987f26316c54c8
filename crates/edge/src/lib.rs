//! The edge: what an app's users touch.
//!
//! Responsible for: HTTP by host name, plain or in TLS, from the client's connection to a machine's and back: finding
//! the app and the machine, waking one when none runs, counting what is in flight, forwarding both
//! ways as bytes arrive, and putting machines to sleep that nobody needs. It answers itself only when
//! it cannot ask the app, with a stable [`Code`].
//!
//! Not responsible for: starting or stopping by its own means (it asks the host), deciding which machine
//! is best (`roost-routing`), knowing which machines there are (`roost-catalog`).
//!
//! The path of a request, one file a step (over HTTP/3 `http3` stands for the first two):
//!
//! ```text
//!  accept ─► http ─► request ─► route ─► wake ─► connect ─► forward ─► respond
//!   │ arrivals          │  ▲      │ permit, queue    │ pool,    ├─────► upgrade
//!   │           parking │  └──────┼──────────────────┼─ shared ─┘ replay
//!   └ handshake: tls    │         └─ routing::choose └─ backend
//!                       └─ destination, well_known
//! ```

mod config;
mod serve;

mod accept;
mod access_log;
mod activity;
mod admission;
mod arrivals;
mod backend;
mod batched;
mod both_ways;
mod client;
mod client_body;
mod client_io;
mod compress;
mod connect;
mod datagrams;
mod date;
mod destination;
mod dress;
mod exchange;
mod forward;
mod framing;
mod handlers;
mod handshake;
mod headers;
mod hints;
mod http1;
mod http2;
mod http3;
mod in_time;
mod inside;
mod lingering;
mod machine_io;
mod machine_stream;
mod openings;
mod parking;
mod permit;
mod pool;
mod postgres;
mod proxy_protocol;
mod queue;
mod replay;
mod request;
mod request_body;
mod respond;
mod rewound;
mod route;
mod seat;
mod serve_http;
mod shared;
mod slow;
mod socket;
mod statics;
mod stream;
mod tls;
mod tunnels;
mod upgrade;
mod wake;
mod websocket;
mod well_known;
mod workers;

mod app_log;
mod context;
mod failure;
mod handover;
mod limits;
mod loads;
mod metrics;
mod sleeper;
mod sockets;

pub use arrivals::ClientLimits;
pub use config::{
    DEFAULT_MAX_CONNECTIONS, EdgeConfig, EdgeParts, Listener, ListenerKind, default_threads, share_of_one_app,
};
pub use failure::{Code, ERROR_HEADER, Failure};
pub use handover::Handover;
pub use http3::QuicListener;
pub use loads::serve_loads;
pub use serve::{EdgeError, serve};
pub use slow::SlowClients;
pub use sockets::Sockets;
pub use tls::SelfSignedError;
pub use workers::Loops;
