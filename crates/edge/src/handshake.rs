//! Step 2, where a listener speaks TLS: the handshake, with the certificate of the name that the client asks
//! for.
//!
//! Everything comes from memory: the certificates and the apps of this moment's snapshots. A client that asks
//! for no name, or for one that nobody has here, is told so by the alert that means it.

use std::io::{self, ErrorKind};

use rustls::server::Acceptor;
use tokio::{
    io::AsyncWriteExt as _,
    time::{Instant, timeout},
};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};
use tracing::{debug, info};

use crate::{
    client::{Client, TlsFacts, TlsVersion},
    context::Edge,
    limits::HANDSHAKE_TIMEOUT,
    socket::Socket,
    tls::{NoCertificate, Wanted},
};

/// Speaks TLS with the client, within a bound of time.
pub(crate) async fn handshake(
    edge: &Edge,
    socket: Socket,
    client: &Client,
) -> io::Result<(Box<TlsStream<Socket>>, TlsFacts)> {
    edge.arrivals.handshake(client.peer.ip()).map_err(io::Error::other)?;
    let (begun, mut name) = (Instant::now(), None);
    let agreed = timeout(HANDSHAKE_TIMEOUT, Box::pin(agree(edge, socket, client, &mut name))).await;
    let stream = agreed.map_err(io::Error::from).flatten().inspect_err(|_| {
        edge.counts.handshakes_failed.count(edge, name.as_deref());
    })?;
    let facts = facts(&stream);
    edge.counts.handshake(facts.version, begun.elapsed());
    debug!(peer = %client.peer, name = facts.server_name.as_deref(), version = facts.version.as_str(), "TLS");
    Ok((stream, facts))
}

/// `name` is what the client asks for, as soon as it has said so.
async fn agree(
    edge: &Edge,
    socket: Socket,
    client: &Client,
    name: &mut Option<String>,
) -> io::Result<Box<TlsStream<Socket>>> {
    let mut start = LazyConfigAcceptor::new(Acceptor::default(), socket).await?;
    let hello = start.client_hello();
    *name = hello.server_name().map(str::to_ascii_lowercase);
    let protocols: Vec<Vec<u8>> = hello.alpn().into_iter().flatten().map(<[u8]>::to_vec).collect();
    let wanted = Wanted { name: name.as_deref(), protocols: &protocols };
    match edge.tls.config_for(edge, client, &wanted) {
        Ok(config) => Ok(Box::new(start.into_stream(config).await?)),
        Err(why) => {
            info!(peer = %client.peer, name = name.as_deref().unwrap_or(""), %why, "TLS handshake refused");
            start.io.write_all(&alert(why)).await?;
            start.io.shutdown().await?;
            Err(io::Error::new(ErrorKind::NotFound, why))
        }
    }
}

/// A fatal alert as a record of its own (RFC 8446, sections 5.1 and 6): nothing is encrypted yet.
fn alert(why: NoCertificate) -> [u8; 7] {
    const ALERT: u8 = 21;
    const FATAL: u8 = 2;
    let description = match why {
        NoCertificate::UnknownName => 112,
        NoCertificate::NoName => 109,
    };
    [ALERT, 3, 3, 0, 2, FATAL, description]
}

fn facts(stream: &TlsStream<Socket>) -> TlsFacts {
    let (_, session) = stream.get_ref();
    let version = match session.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_2) => TlsVersion::V1_2,
        _ => TlsVersion::V1_3,
    };
    TlsFacts {
        server_name: session.server_name().map(Into::into),
        version,
        protocol: session.alpn_protocol().map(Into::into),
    }
}
