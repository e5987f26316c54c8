//! Public ports beside those of HTTP: which app has which.
//!
//! A port with the handlers `http` or `tls` is shared: names that clients say tell its apps apart. Any other is one
//! app's alone, the first's that asks, for as long as a machine of it has a service there. An app that is there for
//! private networks alone takes none: on an address of its own it has every port of TCP, and none of UDP.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use roost_api_types::ErrorCode;
use roost_directory::{Compare, Op, Txn};
use roost_host_api::Machine;
use roost_model::{
    AppName, Service,
    service::{Handler, Protocol},
};
use roost_records::{PortRecord, key};

use crate::{
    addresses::{self, Audience},
    api::Api,
    error::{ApiError, Result},
    store::{MAX_TRIES, Store, put},
};

/// Public ports of one app: each may be a socket of the edge.
const MAX_PORTS: usize = 256;

/// A port is kept so long for an app whose machines are still to be made.
const KEPT_UNUSED: Duration = Duration::from_secs(600);

/// Where the edge serves every app's HTTP (and will, over QUIC).
const HTTP_PORTS: [(Protocol, u16); 3] = [(Protocol::Tcp, 80), (Protocol::Tcp, 443), (Protocol::Udp, 443)];

type Port = (Protocol, u16);

/// How a service wants a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Alone,
    Shared,
}

/// Gives the app the ports that its services want.
///
/// # Errors
/// [`ErrorCode::PortTaken`] when one of them is another app's, or the platform's; [`ErrorCode::Unsupported`] when nobody
/// could reach one.
pub async fn claim(api: &Api, app: &AppName, services: &[Service]) -> Result<()> {
    let needs = needs(services)?;
    if addresses::audience_of(api, app).await? == Audience::Networks {
        return check_private(&needs);
    }
    for (port, need) in needs {
        // Served there by name, as everything is.
        if need == Need::Shared && api.config.edge_ports.contains(&port.1) {
            continue;
        }
        check_free_of_platform(api, port)?;
        claim_one(api, app, port, need).await?;
    }
    Ok(())
}

fn needs(services: &[Service]) -> Result<BTreeMap<Port, Need>> {
    let mut needs = BTreeMap::new();
    for service in services {
        for port in &service.ports {
            let Some((first, last)) = port.range() else { continue };
            let named = service.protocol == Protocol::Tcp
                && port.handlers.iter().any(|handler| matches!(handler, Handler::Http | Handler::Tls));
            let need = if named { Need::Shared } else { Need::Alone };
            if usize::from(last.saturating_sub(first)) + needs.len() >= MAX_PORTS {
                return Err(ApiError::invalid(format!(
                    "services: more than {MAX_PORTS} public ports; ask for fewer, or for a smaller range"
                )));
            }
            needs.extend((first..=last).map(|number| ((service.protocol, number), need)));
        }
    }
    needs.retain(|port, need| *need == Need::Alone || !HTTP_PORTS.contains(port));
    Ok(needs)
}

/// At private addresses the edge answers TCP alone.
fn check_private(needs: &BTreeMap<Port, Need>) -> Result<()> {
    match needs.keys().find(|(protocol, _)| *protocol == Protocol::Udp) {
        None => Ok(()),
        Some((_, port)) => Err(ApiError::unsupported(format!(
            "services: nobody would reach port {port} (udp): the app has private addresses alone, and those are for TCP; \
             give it a public one (ip_assignments, `roost ips allocate-v4`), or take the service out"
        ))),
    }
}

fn check_free_of_platform(api: &Api, (protocol, port): Port) -> Result<()> {
    let own = HTTP_PORTS.contains(&(protocol, port)) || {
        let own = [&api.config.edge_ports, &api.config.reserved_ports];
        own.iter().any(|ports| ports.contains(&port))
    };
    match own {
        false => Ok(()),
        true => Err(taken(format!(
            "public port {port} ({}) is the platform's own; choose another, or the handlers http or tls on 80 and 443",
            protocol.as_str()
        ))),
    }
}

async fn claim_one(api: &Api, app: &AppName, port: Port, need: Need) -> Result<()> {
    let key = key::port(port.0, port.1);
    let holder = (need == Need::Alone).then(|| app.clone());
    for _ in 0..MAX_TRIES {
        let stored = api.store.get::<PortRecord>(&key).await?;
        if let Some(stored) = &stored {
            if stored.record.app == holder {
                return Ok(());
            }
            let own = stored.record.app.as_ref() == Some(app);
            if !own && (is_fresh(&stored.record) || is_used(api, app, port).await?) {
                return Err(taken(format!(
                    "public port {} ({}) belongs to another app; choose another port",
                    port.1,
                    port.0.as_str()
                )));
            }
        }
        let record = PortRecord { app: holder.clone(), since: Timestamp::now() };
        let before = stored.map_or(0, |stored| stored.revision);
        let txn = Txn::always([put(&key, &record)]).when(Compare::unchanged(&key, before));
        if api.store.txn(txn).await?.succeeded {
            tracing::info!(%app, port = port.1, protocol = port.0.as_str(), ?need, "port given");
            return Ok(());
        }
    }
    Err(ApiError::contended())
}

fn is_fresh(record: &PortRecord) -> bool {
    record.since + KEPT_UNUSED > Timestamp::now()
}

/// Whether a machine of another app has a service on the port.
async fn is_used(api: &Api, app: &AppName, port: Port) -> Result<bool> {
    for host in api.hosts.all() {
        let machines = host.machines(None).await?;
        if machines.iter().any(|machine| machine.app != *app && has_service(machine, port)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has_service(machine: &Machine, (protocol, number): Port) -> bool {
    let services = machine.config.services.iter().filter(|service| service.protocol == protocol);
    let mut ranges = services.flat_map(|service| &service.ports).filter_map(|port| port.range());
    !machine.state.is_gone() && ranges.any(|(first, last)| (first..=last).contains(&number))
}

fn taken(message: String) -> ApiError {
    ApiError::new(ErrorCode::PortTaken, message)
}

impl Store {
    /// Other apps may have the ports of this one.
    pub async fn give_ports_back(&self, app: &AppName) -> Result<()> {
        for stored in self.list::<PortRecord>(key::PORTS).await? {
            if stored.record.app.as_ref() == Some(app) {
                self.txn(Txn::always([Op::delete(stored.key)])).await?;
            }
        }
        Ok(())
    }
}
