//! Whether an app takes anything from a client: its services' lists of networks, how many connections it may have, and how
//! often it may be asked.

use roost_catalog::AppEntry;
use roost_model::AppName;
use roost_routing::{ClientPlace, Over, Route};

use crate::{
    client::Client,
    context::Edge,
    failure::{Code, Failure},
    seat::NoPlace,
};

/// Asked before anything is woken or counted. Machines of an app have the same rules but in the moment of a
/// deploy; one that does not admit the client is enough.
pub(crate) fn check(edge: &Edge, over: Over, app: &AppName, client: &Client) -> Result<(), Failure> {
    let snapshot = edge.catalog.load();
    let Some(app) = snapshot.app(app) else { return Ok(()) };
    source(app, over, client)?;
    rate(edge, app, over, client)
}

/// As [`check`], for what came to this app first: the connection becomes the app's.
pub(crate) fn enter(edge: &Edge, over: Over, app: &AppEntry, client: &Client) -> Result<(), Failure> {
    source(app, over, client)?;
    if let Some(seat) = &client.seat {
        seat.belong_to(&app.traffic, || most(edge, app, over, client))?;
    }
    rate(edge, app, over, client)
}

/// As [`enter`], for a flow of UDP, which holds what it gets until its end.
pub(crate) fn flow(edge: &Edge, app: &AppName, client: &Client) -> Result<Option<ClientPlace>, Failure> {
    let snapshot = edge.catalog.load();
    let Some(app) = snapshot.app(app) else { return Ok(None) };
    source(app, Over::Udp, client)?;
    let most = most(edge, app, Over::Udp, client);
    let place = ClientPlace::take(&app.traffic, most).ok_or(NoPlace { most })?;
    rate(edge, app, Over::Udp, client)?;
    Ok(Some(place))
}

fn source(app: &AppEntry, over: Over, client: &Client) -> Result<(), Failure> {
    match route(app, over, client, |route| !route.sources.admits(client.peer.ip())) {
        Some(_) => Err(Failure::new(Code::Forbidden, format!("The address is {}.", client.peer.ip()))),
        None => Ok(()),
    }
}

/// Connections that the app may have here.
fn most(edge: &Edge, app: &AppEntry, over: Over, client: &Client) -> u32 {
    let own = route(app, over, client, |route| route.max_connections.is_some());
    let own = own.and_then(|route| route.max_connections).map_or(u32::MAX, u32::from);
    own.min(edge.config.max_connections_per_app)
}

fn rate(edge: &Edge, app: &AppEntry, over: Over, client: &Client) -> Result<(), Failure> {
    let limited = route(app, over, client, |route| route.rate_limit.is_some());
    let Some(limit) = limited.and_then(|route| route.rate_limit) else { return Ok(()) };
    app.traffic
        .rate
        .take(edge.now(), limit)
        .map_err(|wait| Failure::new(Code::TooOften, format!("Try again in {} s.", wait.as_secs() + 1)))
}

impl From<NoPlace> for Failure {
    fn from(NoPlace { most }: NoPlace) -> Self {
        Self::new(Code::TooMany, format!("It has {most}."))
    }
}

/// The service that the client has come to, as the first machines have it where it is `wanted`.
fn route<'a>(
    app: &'a AppEntry,
    over: Over,
    client: &Client,
    wanted: impl Fn(&Route) -> bool,
) -> Option<&'a Route> {
    // Most apps have no rules at all.
    if !app.routes.is_guarded() {
        return None;
    }
    app.routes.cohorts().iter().find_map(|cohort| {
        let binding = cohort.binding(over, client.public_port)?;
        cohort.traits().routes.get(usize::from(binding.route)).filter(|route| wanted(route))
    })
}
