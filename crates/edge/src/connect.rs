//! Step 4: a connection to the machine that was chosen.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use roost_routing::{Target, Traffic};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::{Instant, timeout},
};

use crate::{
    backend::{Backend, Http1, Http2},
    context::Edge,
    failure::{Code, Failure},
    machine_stream::{Counted, MachineStream},
    permit::Permit,
    pool::PoolKey,
    socket,
};

/// How a request goes to a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// On a connection that no other request has meanwhile: a kept one that was idle for less than this, or a new one.
    Http1(Duration),
    /// As a stream among others.
    Http2,
}

/// A connection, and whether it was used before.
pub(crate) struct Connected {
    pub backend: Backend,
    pub reused: bool,
}

/// Connects to the machine, where the permit says: IPv4 first, where most apps listen, then its 6PN address.
/// `limit` bounds one attempt, which begins `now`.
pub(crate) async fn connect(
    edge: &Edge,
    permit: &Permit,
    wire: Wire,
    limit: Duration,
    now: Instant,
) -> Result<Connected, Failure> {
    let idle = match wire {
        Wire::Http1(idle) => idle,
        Wire::Http2 => return stream(edge, permit, limit).await,
    };
    if let Some(connection) = edge.pool.take(&PoolKey::new(permit.target(), permit.port()), idle, now) {
        return Ok(Connected { backend: Backend::Http1(connection), reused: true });
    }
    let stream = dial(permit, limit).await?;
    Ok(Connected { backend: Backend::Http1(Box::new(Http1::new(stream))), reused: false })
}

async fn stream(edge: &Edge, permit: &Permit, limit: Duration) -> Result<Connected, Failure> {
    let port = permit.port();
    let dial = || {
        let (target, app) = (permit.target().clone(), permit.traffic().clone());
        async move {
            let stream = dial_counted(&target, &app, port, limit).await?;
            Http2::handshake(stream.tcp, stream.counted).await.map_err(no_answer)
        }
    };
    let stream = edge.shared.stream(&PoolKey::new(permit.target(), port), dial).await?;
    Ok(Connected { backend: Backend::Http2(Box::new(stream)), reused: true })
}

fn no_answer(error: h2::Error) -> Failure {
    Failure::new(Code::NoAnswer, error.to_string())
}

/// A new connection. `limit` bounds one attempt.
pub(crate) async fn dial(permit: &Permit, limit: Duration) -> Result<MachineStream, Failure> {
    dial_counted(permit.target(), permit.traffic(), permit.port(), limit).await
}

async fn dial_counted(
    target: &Target,
    app: &Arc<Traffic>,
    port: u16,
    limit: Duration,
) -> Result<MachineStream, Failure> {
    let begun = Instant::now();
    let tcp = dial_any(target, port, limit).await.map_err(|error| failure(target, port, &error))?;
    Ok(MachineStream { tcp, counted: Counted::new(app, begun.elapsed()) })
}

async fn dial_any(target: &Target, port: u16, limit: Duration) -> io::Result<TcpStream> {
    match dial_one(target.ipv4.into(), port, limit).await {
        Err(refused) if refused.kind() == ErrorKind::ConnectionRefused => {
            dial_one(target.private_ip.into(), port, limit).await.map_err(|_| refused)
        }
        other => other,
    }
}

async fn dial_one(ip: IpAddr, port: u16, limit: Duration) -> io::Result<TcpStream> {
    let socket = if ip.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket::prepare(&socket)?;
    socket::stays_on_the_host(&socket);
    timeout(limit, socket.connect(SocketAddr::new(ip, port))).await?
}

fn failure(target: &Target, port: u16, error: &io::Error) -> Failure {
    let detail = format!("Machine {}, port {port}: {error}.", target.id);
    match error.kind() {
        ErrorKind::TimedOut => Failure::new(Code::DialTimeout, detail),
        _ => Failure::new(Code::Refused, detail),
    }
}
