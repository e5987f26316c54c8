//! One client's connection: the handshake, then a task for each request.

use std::{io, mem, sync::Arc};

use bytes::Bytes;
use h3::server;
use quinn::{Incoming, crypto::rustls::HandshakeData};
use tokio::{sync::OwnedSemaphorePermit, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    ALPN,
    quic::{self, Newest},
    request,
};
use crate::{
    client::{Client, TlsFacts, TlsVersion},
    context::Edge,
    limits::{H2_HEAD, H2_STREAMS, HANDSHAKE_TIMEOUT},
    seat::Seat,
};

/// Also of those that the client has given up: their number is what a client can cost.
const MOST_REQUESTS: usize = H2_STREAMS as usize;

type Connection = server::Connection<quic::Connection, Bytes>;

/// Serves requests until the client has no more of them, or the edge stops: then those in flight end.
pub(super) async fn serve(
    edge: Arc<Edge>,
    incoming: Incoming,
    mut client: Client,
    permit: OwnedSemaphorePermit,
    shutdown: CancellationToken,
) -> io::Result<()> {
    edge.arrivals.handshake(client.peer.ip()).map_err(io::Error::other)?;
    let place = edge.arrivals.enter(client.peer.ip()).map_err(io::Error::other)?;
    let seat = Seat::new(permit, place);
    client.seat = Some(seat.clone());
    let connection = timeout(HANDSHAKE_TIMEOUT, incoming.accept()?).await??;
    client.tls = Some(facts(&connection));
    let client = Arc::new(client);
    let mut carried = Carried::of(connection.clone(), seat);
    let mut http = server::builder();
    // Frames that mean nothing behind an answer keep some clients from seeing its end.
    http.max_field_section_size(H2_HEAD.into()).send_grease(false);
    let connection = quic::Connection::new(connection);
    let newest = connection.newest();
    let opened = http.build(connection);
    let mut connection: Connection = timeout(HANDSHAKE_TIMEOUT, opened).await?.map_err(io::Error::other)?;
    // Ends what is left of them together with the connection.
    let mut requests = JoinSet::new();
    let served = shutdown
        .run_until_cancelled(accept(&edge, &client, &mut connection, &newest, &mut requests, &mut carried))
        .await;
    match served {
        Some(served) => served,
        None => {
            connection.shutdown(0).await.map_err(io::Error::other)?;
            let rest = accept(&edge, &client, &mut connection, &newest, &mut requests, &mut carried);
            timeout(edge.config.shutdown_grace, rest).await.unwrap_or(Ok(()))
        }
    }
}

/// Until the connection ends, or it has shut down and its last request has ended.
async fn accept(
    edge: &Arc<Edge>,
    client: &Arc<Client>,
    connection: &mut Connection,
    newest: &Newest,
    requests: &mut JoinSet<()>,
    carried: &mut Carried,
) -> io::Result<()> {
    let mut leaves = false;
    loop {
        tokio::select! {
            accepted = connection.accept(), if requests.len() < MOST_REQUESTS => match accepted {
                Ok(Some(stream)) => {
                    requests.spawn(request::answer(edge.clone(), client.clone(), stream, newest.take()));
                }
                Ok(None) => return Ok(()),
                Err(error) if error.is_h3_no_error() => return Ok(()),
                Err(error) => return Err(io::Error::other(error)),
            },
            Some(_) = requests.join_next(), if !requests.is_empty() => {
                carried.look();
                if client.is_turned_away() && !mem::replace(&mut leaves, true) {
                    connection.shutdown(0).await.map_err(io::Error::other)?;
                }
            }
        }
    }
}

/// What QUIC has carried, in datagrams, as its own counters say.
struct Carried {
    connection: quinn::Connection,
    seat: Arc<Seat>,
    received: u64,
    sent: u64,
}

impl Carried {
    fn of(connection: quinn::Connection, seat: Arc<Seat>) -> Self {
        Self { connection, seat, received: 0, sent: 0 }
    }

    fn look(&mut self) {
        let stats = self.connection.stats();
        let (received, sent) = (stats.udp_rx.bytes, stats.udp_tx.bytes);
        self.seat.received(received - mem::replace(&mut self.received, received));
        self.seat.sent(sent - mem::replace(&mut self.sent, sent));
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        self.look();
    }
}

fn facts(connection: &quinn::Connection) -> TlsFacts {
    let data = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    let name = data.and_then(|data| data.server_name);
    TlsFacts {
        server_name: name.map(|name| name.to_ascii_lowercase().into_boxed_str()),
        version: TlsVersion::V1_3,
        protocol: Some(ALPN.into()),
    }
}
