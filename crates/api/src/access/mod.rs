//! Ways for people into private networks and machines, as far as records and keys go: WireGuard peers
//! with their addresses, the gateway's key, an SSH authority for each org and the certificates that it
//! signs.
//!
//! Not responsible for letting anybody in: that is done by the gateway that reads the peers, and by what
//! answers on port 22 of a machine.

pub mod certificates;
mod key_pair;
pub mod peers;
