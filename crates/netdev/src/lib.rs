//! The network of one host's machines: a link for each, routes to it, and the rules between them.
//!
//! Every machine has its own point-to-point link to the host: no bridge, so no neighbour to spoof. The
//! host routes; one nftables table, replaced atomically, says what may pass.

mod config;
mod error;
mod host;
mod link;
mod links;
mod netns;
mod nft;
mod rules;
mod sysctl;
mod tap;

pub use config::{GATEWAY_V4, GATEWAY_V6, HostNetConfig, LinkKind, MachineNet};
pub use error::NetError;
pub use host::HostNet;
pub use link::Link;
