//! Which app a host name means: one of its own, or the one below the base domain; and what the app has on a port.

use roost_catalog::AppEntry;
use roost_model::AppName;
use roost_routing::{Over, PublicPort};

use crate::{client::Client, context::Edge};

/// The app that the value of a `Host` header means, if any. Names below the base domain come first:
/// nobody can claim another app's. An app that is there for private networks alone is meant by no name.
pub(crate) fn app_of_host(edge: &Edge, host: &str) -> Option<AppName> {
    below_base_domain(edge, host).unwrap_or_else(|| named(edge, &roost_routing::bare_host(host)))
}

/// As [`app_of_host`], for a name in lower case and without a port.
pub(crate) fn app_of_name(edge: &Edge, name: &str) -> Option<AppName> {
    below_base_domain(edge, name).unwrap_or_else(|| named(edge, name))
}

/// The app that a name below the base domain means, if it may be one; `None` when the name is of another kind.
fn below_base_domain(edge: &Edge, host: &str) -> Option<Option<AppName>> {
    let (snapshot, base_domain) = (edge.catalog.load(), &edge.config.base_domain);
    // One that is known has its name already.
    if let Some(app) = snapshot.app_of_host(host, base_domain) {
        return Some((!app.private).then(|| app.name.clone()));
    }
    let app = roost_routing::app_of_host(host, base_domain)?;
    Some((!snapshot.is_private(&app)).then_some(app))
}

/// The app that a connection is for, where that is known before its requests are: by the name in the handshake, or
/// the port.
pub(crate) fn app_of_client(edge: &Edge, client: &Client) -> Option<AppName> {
    let name = client.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
    client.app.clone().or_else(|| app_of_name(edge, name?))
}

fn named(edge: &Edge, name: &str) -> Option<AppName> {
    let snapshot = edge.catalog.load();
    let app = snapshot.name(name)?.app.as_ref()?;
    (!snapshot.is_private(app)).then(|| app.clone())
}

/// What was declared of the app's public port, as any of its machines has it.
pub(crate) fn port(app: &AppEntry, public_port: u16) -> Option<&PublicPort> {
    app.routes.cohorts().iter().find_map(|cohort| {
        let binding = cohort.binding(Over::Tcp, public_port)?;
        binding.declared(cohort.traits())
    })
}

/// A copy of it, for those who keep it for longer.
pub(crate) fn port_of(edge: &Edge, app: &AppName, public_port: u16) -> Option<PublicPort> {
    port(edge.catalog.load().app(app)?, public_port).cloned()
}
