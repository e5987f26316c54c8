//! Whether an app takes anything from a client: its services' lists of networks, and how often it may be asked.

use roost_catalog::AppEntry;
use roost_model::AppName;
use roost_routing::{Over, Route};

use crate::{
    client::Client,
    context::Edge,
    failure::{Code, Failure},
};

/// Asked before anything is woken or counted. Machines of an app have the same rules but in the moment of a
/// deploy; one that does not admit the client is enough.
pub(crate) fn check(edge: &Edge, over: Over, app: &AppName, client: &Client) -> Result<(), Failure> {
    let snapshot = edge.catalog.load();
    // Most apps have no rules at all.
    let Some(app) = snapshot.app(app).filter(|app| app.routes.is_guarded()) else { return Ok(()) };
    if route(app, over, client, |route| !route.sources.admits(client.peer.ip())).is_some() {
        return Err(Failure::new(Code::Forbidden, format!("The address is {}.", client.peer.ip())));
    }
    let limited = route(app, over, client, |route| route.rate_limit.is_some());
    let Some(limit) = limited.and_then(|route| route.rate_limit) else { return Ok(()) };
    app.traffic
        .rate
        .take(edge.now(), limit)
        .map_err(|wait| Failure::new(Code::TooOften, format!("Try again in {} s.", wait.as_secs() + 1)))
}

/// The service that the client has come to, as the first machines have it where it is `wanted`.
fn route<'a>(
    app: &'a AppEntry,
    over: Over,
    client: &Client,
    wanted: impl Fn(&Route) -> bool,
) -> Option<&'a Route> {
    app.routes.cohorts().iter().find_map(|cohort| {
        let binding = cohort.binding(over, client.public_port)?;
        cohort.traits().routes.get(usize::from(binding.route)).filter(|route| wanted(route))
    })
}
