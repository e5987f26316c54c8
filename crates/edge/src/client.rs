//! Who is at the other end of a connection, and how it was reached.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use http::HeaderValue;
use roost_model::{AppName, addr::AppAddress};

use crate::{headers::Told, seat::Seat};

/// The client's end of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// As a trusted proxy in front says, if there is one.
    pub peer: SocketAddr,
    /// The address that the client reached.
    pub local: SocketAddr,
    /// The port of fly.toml that the listener stands for.
    pub public_port: u16,
    /// What was agreed on, when the connection is encrypted.
    pub tls: Option<TlsFacts>,
    /// The app to which the address or the port belongs alone; else names tell apps apart.
    pub app: Option<AppName>,
    /// The connection's places; a flow of UDP has none of these.
    pub seat: Option<Arc<Seat>>,
    /// Made when it is asked for first.
    told: OnceLock<Box<Told>>,
}

/// What a TLS handshake agreed on.
#[derive(Debug, Clone)]
pub(crate) struct TlsFacts {
    /// The name that the client asked for, in lower case.
    pub server_name: Option<Box<str>>,
    pub version: TlsVersion,
    /// The application protocol of ALPN.
    pub protocol: Option<Box<[u8]>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsVersion {
    V1_2,
    V1_3,
}

/// The version of HTTP that a connection begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HttpVersion {
    Http1,
    Http2,
}

impl Client {
    pub fn new(peer: SocketAddr, local: SocketAddr, public_port: u16) -> Self {
        Self {
            peer: plain(peer),
            local: plain(local),
            public_port,
            tls: None,
            app: None,
            seat: None,
            told: OnceLock::new(),
        }
    }

    /// An app had no place for the connection, which is to end.
    pub fn is_turned_away(&self) -> bool {
        self.seat.as_ref().is_some_and(|seat| seat.is_turned_away())
    }

    /// Whether it came from a machine, over a private network.
    pub fn is_inside(&self) -> bool {
        AppAddress::of(self.local.ip()).is_some()
    }

    /// What apps are told of the connection; made once, when all of it is known.
    pub fn told(&self, region: &HeaderValue) -> &Told {
        self.told.get_or_init(|| Box::new(Told::of(self, region)))
    }

    /// Without what can be made again, or is had by the socket.
    pub fn shrink(&mut self) {
        self.told.take();
        self.seat = None;
    }
}

impl TlsVersion {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1_2 => "1.2",
            Self::V1_3 => "1.3",
        }
    }
}

impl TlsFacts {
    /// What ALPN says; HTTP/1.1 when it says nothing.
    pub fn http_version(&self) -> HttpVersion {
        match self.protocol.as_deref() {
            Some(b"h2") => HttpVersion::Http2,
            _ => HttpVersion::Http1,
        }
    }
}

/// An IPv4 client of an IPv6 socket is shown as what it is.
pub(crate) fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
