//! Whether an app takes anything from a client's address: its services' lists of networks.

use roost_model::AppName;
use roost_routing::{Over, Route};

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
    let refuses = |route: &Route| !route.sources.admits(client.peer.ip());
    let refused = app.routes.targets.iter().any(|target| {
        // Most apps have no lists at all: which service it is matters to the others only.
        target.routes.iter().any(refuses)
            && over.service(&target.routes, client.public_port).is_some_and(|at| refuses(&target.routes[at]))
    });
    match refused {
        false => Ok(()),
        true => Err(Failure::new(Code::Forbidden, format!("The address is {}.", client.peer.ip()))),
    }
}
