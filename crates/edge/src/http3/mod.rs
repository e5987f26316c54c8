//! HTTP/3: the same requests over QUIC, on sockets of its own.
//!
//! ```text
//!  endpoint: datagrams ─► connection: handshake, streams ─► request: one stream ─► request::handle
//!                                    over quic (quinn for h3)  └─ body: what the client sends
//! ```
//!
//! Certificates are chosen as in handshakes over TCP, the same bounds hold for each client's address, and from
//! [`crate::request`] on nothing is different.

mod body;
mod connection;
mod endpoint;
mod quic;
mod request;
mod taking;

pub(crate) use self::{body::QuicBody, endpoint::serve};

/// The protocol's name in handshakes.
pub(crate) const ALPN: &[u8] = b"h3";

/// A bound socket for HTTP/3.
#[derive(Debug)]
pub struct QuicListener {
    pub socket: std::net::UdpSocket,
    /// The public port of fly.toml that it stands for.
    pub public_port: u16,
}
