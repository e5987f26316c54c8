//! Whether an app takes anything from a client's address: its services' lists of networks.

use roost_model::{AppName, service::Protocol};
use roost_routing::{Over, find_port, find_service};

use crate::{
    client::Client,
    context::Edge,
    failure::{Code, Failure},
};

/// Asked before anything is woken or counted. Machines of an app have the same lists but in the moment of a
/// deploy; one that does not admit the client is enough.
pub(crate) fn check(edge: &Edge, over: Over, app: &AppName, client: &Client) -> Result<(), Failure> {
    let snapshot = edge.catalog.load();
    let Some(app) = snapshot.app(app) else { return Ok(()) };
    let refused = app.routes.targets.iter().any(|target| {
        let port = |protocol| find_port(&target.routes, protocol, client.public_port).map(|(route, _)| route);
        let route = match over {
            Over::Http => find_service(&target.routes, client.public_port),
            Over::Tcp => port(Protocol::Tcp),
            Over::Udp => port(Protocol::Udp),
        };
        route.is_some_and(|route| !target.routes[route].sources.admits(client.peer.ip()))
    });
    match refused {
        false => Ok(()),
        true => Err(Failure::new(Code::Forbidden, format!("The address is {}.", client.peer.ip()))),
    }
}
