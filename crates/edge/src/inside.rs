//! Connections from inside a private network to an app's address there.
//!
//! ```text
//!  machine ─► fdaa:<its network>::<app>:3, any port ─► the host's rules ─► fdaa::3, one port ─► accept ─► here
//! ```
//!
//! All of them come to one socket. Where each was going the kernel knows; whose that address is, the catalog. Not
//! responsible for: which machine may send to which address, which are the host's rules; that both are of one network is
//! looked at here all the same.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use roost_model::{AppName, MachineAddress, addr::AppAddress};
use socket2::SockRef;
use tokio::net::TcpStream;

use crate::{client::Client, context::Edge, destination};

/// Why a connection is reset at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotReached {
    #[error("the connection was not led here by the host's rules")]
    NotLed,
    #[error("the address is of another network than the client")]
    OtherNetwork,
    #[error("no app has the address")]
    NoApp,
    #[error("the app has no service on the port")]
    NoService,
}

/// The app whose address the client reached, and `client` as one that reached it there. A connection that leads nowhere
/// is reset, so that its client hears of it at once.
pub(crate) fn reach(edge: &Edge, stream: &TcpStream, client: &mut Client) -> io::Result<AppName> {
    let socket = SockRef::from(stream);
    let led_from = socket.original_dst_v6().ok().and_then(|address| address.as_socket());
    let reached = app_at(edge, client.peer.ip(), led_from);
    let (app, address) = reached.map_err(|why| match socket.set_linger(Some(Duration::ZERO)) {
        Ok(()) => io::Error::other(why),
        Err(error) => error,
    })?;
    client.local = address;
    client.public_port = address.port();
    Ok(app)
}

fn app_at(
    edge: &Edge,
    peer: IpAddr,
    address: Option<SocketAddr>,
) -> Result<(AppName, SocketAddr), NotReached> {
    let (Some(address), IpAddr::V6(peer)) = (address, peer) else { return Err(NotReached::NotLed) };
    let IpAddr::V6(ip) = address.ip() else { return Err(NotReached::NotLed) };
    let reached = AppAddress::of(ip).ok_or(NotReached::NotLed)?;
    if MachineAddress::of(peer).is_none_or(|machine| machine.network != reached.network) {
        return Err(NotReached::OtherNetwork);
    }
    let app = edge.catalog.load().app_at(ip).cloned().ok_or(NotReached::NoApp)?;
    destination::port_of(edge, &app, address.port()).ok_or(NotReached::NoService)?;
    Ok((app, address))
}
