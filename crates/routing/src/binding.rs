//! What a public port of a machine leads to, with all that the rules ask of the service behind it in one place: a
//! request should not have to read a service's whole configuration to find out that it is the one.

use roost_model::service::{Handler, Protocol};
use smallvec::SmallVec;

use crate::{Health, Limits, PublicPort, Traits};

/// What arrives at a public port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// A request.
    Http,
    /// A connection that is carried as it is.
    Tcp,
    /// Datagrams of one client.
    Udp,
}

/// A range of public ports, and the service that answers there.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    first: u16,
    last: u16,
    /// Index of the service, and of the range in it.
    pub route: u16,
    port: u16,
    protocol: Protocol,
    speaks_http: bool,
    /// A request may start a sleeping machine.
    pub autostart: bool,
    pub health: Health,
    pub limits: Limits,
}

/// In the order of the services, and of the ports of each. Most machines have one service on two ports.
pub(crate) type Bindings = SmallVec<[Binding; 2]>;

pub(crate) fn bindings_of(traits: &Traits) -> Bindings {
    let routes = traits.routes.iter().zip(traits.health.iter()).enumerate();
    let of_route = routes.flat_map(|(index, (route, health))| {
        route.ports.iter().enumerate().filter_map(move |(port, range)| {
            Some(Binding {
                first: range.first,
                last: range.last,
                route: u16::try_from(index).ok()?,
                port: u16::try_from(port).ok()?,
                protocol: route.protocol,
                speaks_http: route.protocol == Protocol::Tcp && range.handlers.contains(&Handler::Http),
                autostart: route.autostart,
                health: *health,
                limits: route.limits,
            })
        })
    });
    of_route.collect()
}

/// The one that answers.
///
/// A node's HTTP listener may sit on another port than the one it stands for (8080 for 80 without root), and it may
/// be the only one. So a service that is published on `public_port` is best, and any other that speaks HTTP will do.
pub(crate) fn find(bindings: &[Binding], over: Over, public_port: u16) -> Option<&Binding> {
    let exactly = |protocol| bindings.iter().find(|b| b.protocol == protocol && b.has(public_port));
    match over {
        Over::Http => {
            let mut speaking = bindings.iter().filter(|b| b.speaks_http);
            speaking.clone().find(|b| b.has(public_port)).or_else(|| speaking.next())
        }
        Over::Tcp => exactly(Protocol::Tcp),
        Over::Udp => exactly(Protocol::Udp),
    }
}

impl Binding {
    fn has(&self, public_port: u16) -> bool {
        (self.first..=self.last).contains(&public_port)
    }

    /// What was declared of the port.
    pub fn declared<'a>(&self, traits: &'a Traits) -> Option<&'a PublicPort> {
        traits.routes.get(usize::from(self.route))?.ports.get(usize::from(self.port))
    }
}

#[cfg(test)]
mod tests {
    use roost_model::{Port, Service};

    use super::*;
    use crate::Route;

    fn found(services: &[(u16, Vec<Handler>)], over: Over, public_port: u16) -> Option<u16> {
        let route = |(public, handlers): &(u16, Vec<Handler>)| {
            let port = Port { port: Some(*public), handlers: handlers.clone(), ..Port::default() };
            let json = serde_json::json!({ "internal_port": 1, "ports": [port] });
            Route::from(&serde_json::from_value::<Service>(json).unwrap())
        };
        let traits = Traits {
            host: "here".parse().unwrap(),
            region: "fra".parse().unwrap(),
            group: "app".into(),
            state: roost_model::MachineState::Started,
            cordoned: false,
            health: services.iter().map(|_| Health::Passing).collect(),
            routes: services.iter().map(route).collect(),
        };
        find(&bindings_of(&traits), over, public_port).map(|binding| binding.route)
    }

    #[test]
    fn the_published_port_decides() {
        let services = [(8081, vec![Handler::Http]), (80, vec![Handler::Http])];
        assert_eq!(found(&services, Over::Http, 80), Some(1));
        assert_eq!(found(&services, Over::Http, 8081), Some(0));
    }

    #[test]
    fn any_http_service_stands_in_and_raw_tcp_does_not() {
        let services = [(80, vec![]), (443, vec![Handler::Tls, Handler::Http])];
        assert_eq!(found(&services, Over::Http, 80), Some(1));
        assert_eq!(found(&services[..1], Over::Http, 80), None);
    }

    #[test]
    fn bytes_need_exactly_their_port() {
        let services = [(443, vec![Handler::Tls, Handler::Http]), (5432, vec![])];
        assert_eq!(found(&services, Over::Tcp, 5432), Some(1));
        assert_eq!(found(&services, Over::Tcp, 5433), None);
        assert_eq!(found(&services, Over::Udp, 5432), None);
    }
}
