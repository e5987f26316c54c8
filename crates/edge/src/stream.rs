//! A connection that is not HTTP: taken apart as its port's handlers say, and carried to a machine byte by byte.
//!
//! ```text
//!  [pg_tls: the client asks for TLS] ─► [tls: handshake] ─► route ─► connect ─► [PROXY header] ─► bytes
//! ```

use std::{io, sync::Arc};

use roost_model::{AppName, service::Handler};
use roost_routing::{Over, PublicPort, Steering};
use tokio::{io::AsyncWriteExt as _, time::Instant};
use tracing::info;

use crate::{
    activity::Activity, admission, both_ways::copy_both, client::Client, client_io::ClientIo, connect::dial,
    context::Edge, failure::Failure, machine_stream::MachineStream, permit::Permit, proxy_protocol,
    route::Journey,
};

/// Bytes that are held of a connection each way.
const BUFFER: usize = 16 * 1024;

/// Carries a connection for as long as both ends want it, and something moves now and then; it holds its place in the
/// machine meanwhile.
pub(crate) async fn carry(
    edge: &Arc<Edge>,
    client_io: ClientIo,
    client: &Client,
    app: AppName,
    port: &PublicPort,
) -> io::Result<()> {
    let begun = Instant::now();
    let (mut machine, permit) = match reach(edge, client, &app).await {
        Ok(reached) => reached,
        Err(failure) => {
            info!(%app, peer = %client.peer, code = failure.code.as_str(), detail = failure.detail, "not served");
            edge.not_served(&app, None, begun.elapsed(), &failure);
            return Err(io::Error::other(failure));
        }
    };
    if port.handlers.contains(&Handler::ProxyProto) {
        machine.tcp.write_all(&proxy_protocol::header_for(client, port.proxy_protocol)).await?;
    }
    let idle = port.http.idle_timeout().unwrap_or(edge.config.tunnel_idle);
    let activity = Activity::default();
    let carried = copy_both(activity.of(client_io), &mut machine.tcp, BUFFER);
    activity.ends_when_silent(idle, &permit, carried).await
}

/// A connection to a machine, and the place that it takes there.
async fn reach(edge: &Arc<Edge>, client: &Client, app: &AppName) -> Result<(MachineStream, Permit), Failure> {
    if let Some(app) = edge.catalog.load().app(app) {
        admission::enter(edge, Over::Tcp, app, client)?;
    }
    let mut journey = Journey::over(Over::Tcp, edge, app.clone(), client.public_port, Steering::default());
    loop {
        let permit = journey.admit().await?;
        match dial(&permit, journey.dial_limit()).await {
            Ok(stream) => {
                permit.target().load.accepted();
                return Ok((stream, permit));
            }
            Err(failure) => journey.refused(permit.target(), failure)?,
        }
    }
}
