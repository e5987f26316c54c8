//! Does the app listen where its services say? And if not, where else?

use std::{net::IpAddr, time::Duration};

use roost_api_types::FailureCode;
use roost_guest_api::Listener;
use roost_host_api::Machine;
use roost_model::service::Protocol;
use tokio::time::Instant;

use super::{
    failure::{Stop, failure},
    work::Work,
};
use crate::machines;

/// An app that listens, but not where it should, has this long to open more ports.
const ELSEWHERE_PATIENCE: Duration = Duration::from_secs(15);

/// What has been seen of a machine's sockets.
#[derive(Default)]
pub struct Listening {
    /// Since when it listens somewhere, and not where it should.
    elsewhere_since: Option<Instant>,
}

impl Listening {
    /// Whether every port of the services is listened on.
    ///
    /// # Errors
    /// It listens elsewhere and has done so for a while.
    pub async fn look(&mut self, work: &Work, machine: &Machine) -> Result<bool, Stop> {
        // A guest that does not answer yet is asked again.
        let Ok(listeners) = work.host.listeners(&machine.id).await else { return Ok(false) };
        let missing = missing(machine, &listeners);
        if missing.is_empty() {
            return Ok(true);
        }
        if !listeners.iter().any(is_tcp) {
            return Ok(false);
        }
        let since = *self.elsewhere_since.get_or_insert_with(Instant::now);
        if since.elapsed() < ELSEWHERE_PATIENCE {
            return Ok(false);
        }
        let message = sentence(machine, &missing, &listeners);
        Err(failure(FailureCode::Unhealthy, &machine.id, message).into())
    }

    /// For a machine that did not become healthy: where it listens instead, if that is the reason.
    pub async fn explain(&self, work: &Work, machine: &Machine) -> Option<String> {
        let listeners = work.host.listeners(&machine.id).await.ok()?;
        let missing = missing(machine, &listeners);
        (!missing.is_empty()).then(|| sentence(machine, &missing, &listeners))
    }
}

fn missing(machine: &Machine, listeners: &[Listener]) -> Vec<u16> {
    let serves = |port: u16, protocol: &str| {
        listeners.iter().any(|l| l.port == port && l.protocol == protocol && is_reachable(l))
    };
    let services = machine.config.services.iter();
    let missing = services.filter(|service| match service.protocol {
        Protocol::Tcp => !serves(service.internal_port, "tcp"),
        Protocol::Udp => !serves(service.internal_port, "udp"),
    });
    missing.map(|service| service.internal_port).collect()
}

fn sentence(machine: &Machine, missing: &[u16], listeners: &[Listener]) -> String {
    let wanted: Vec<String> = missing.iter().map(u16::to_string).collect();
    let there: Vec<String> = listeners
        .iter()
        .filter(|listener| is_tcp(listener))
        .map(|listener| format!("{} ({})", machines::listener_address(listener), listener.command))
        .collect();
    let wanted = wanted.join(", ");
    if there.is_empty() {
        return format!(
            "the app in machine {} listens on no port, but its services want {wanted}",
            machine.id
        );
    }
    format!(
        "the app in machine {} does not listen on port {wanted} of every address (0.0.0.0 or ::); it listens on {}; \
         change the app, or internal_port in fly.toml",
        machine.id,
        there.join(", ")
    )
}

fn is_tcp(listener: &Listener) -> bool {
    listener.protocol == "tcp"
}

/// From outside the machine.
fn is_reachable(listener: &Listener) -> bool {
    listener.address.parse::<IpAddr>().is_ok_and(|address| !address.is_loopback())
}
