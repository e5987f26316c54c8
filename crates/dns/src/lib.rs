//! DNS inside machines: `.internal` names of the asker's own network, and everything else from the
//! host's resolvers.
//!
//! Responsible for: answering on UDP and TCP, deciding by the source address which network asks,
//! `.internal` names out of the catalog, forwarding, and bounds on all of it. What it is asked is
//! whatever a guest sends.
//!
//! Not responsible for: keeping guests from lying about their source address (the host's firewall
//! does), public names of apps.
//!
//! ```text
//!  udp ─┐                ┌─ internal name ─► name ─► lookup (catalog snapshot) ─┐
//!       ├─► answer ──────┤                                                     ├─► the asker
//!  tcp ─┘                └─ any other ─────► forward ─► the host's resolvers ──┘
//! ```

mod config;
mod serve;

mod answer;
mod lookup;

mod forward;
mod quota;
mod resolv_conf;
mod tcp;
mod udp;

pub use config::DnsConfig;
pub use serve::{DnsError, serve};
