//! Which app a host name means: one of its own, or the one below the base domain; and what the app has on a port.

use roost_model::{AppName, service::Protocol};
use roost_routing::{PublicPort, find_port};

use crate::context::Edge;

/// The app that the value of a `Host` header means, if any. Names below the base domain come first:
/// nobody can claim another app's. An app that is there for private networks alone is meant by no name.
pub(crate) fn app_of_host(edge: &Edge, host: &str) -> Option<AppName> {
    let app = roost_routing::app_of_host(host, &edge.config.base_domain);
    public(edge, app.or_else(|| named(edge, &roost_routing::bare_host(host)))?)
}

/// As [`app_of_host`], for a name in lower case and without a port.
pub(crate) fn app_of_name(edge: &Edge, name: &str) -> Option<AppName> {
    let app = roost_routing::app_of_host(name, &edge.config.base_domain);
    public(edge, app.or_else(|| named(edge, name))?)
}

fn public(edge: &Edge, app: AppName) -> Option<AppName> {
    (!edge.catalog.load().is_private(&app)).then_some(app)
}

fn named(edge: &Edge, name: &str) -> Option<AppName> {
    edge.catalog.load().name(name)?.app.clone()
}

/// The app's public port, as any of its machines has it.
pub(crate) fn port_of(edge: &Edge, app: &AppName, public_port: u16) -> Option<PublicPort> {
    let snapshot = edge.catalog.load();
    let targets = &snapshot.app(app)?.routes.targets;
    targets.iter().find_map(|target| {
        let (route, port) = find_port(&target.routes, Protocol::Tcp, public_port)?;
        Some(target.routes[route].ports[port].clone())
    })
}
