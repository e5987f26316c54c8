//! Services: ports that exist, that belong to one service only, and options that fit.

use std::collections::BTreeMap;

use roost_model::{
    HttpOptions,
    http_options::ReplayCache,
    service::{Concurrency, Handler, Protocol},
};

use super::Problems;
use crate::{
    AppConfig,
    section::{PortSection, ServiceSection},
};

pub(super) fn validate(config: &AppConfig, problems: &mut Problems) {
    let mut taken = Taken::default();
    if let Some(service) = &config.http_service {
        let at = "http_service";
        match service.internal_port {
            None => problems.add_with_help(
                at,
                "internal_port is missing",
                "set it to the port that the app listens on, for example internal_port = 8080",
            ),
            Some(0) => problems.add(format!("{at}.internal_port"), PORT_RANGE),
            Some(_) => {}
        }
        concurrency(at, service.concurrency.as_ref(), problems);
        replay_cache(at, service.http_options.as_ref(), problems);
        taken.take(at, Protocol::Tcp, (80, 80), problems);
        taken.take(at, Protocol::Tcp, (443, 443), problems);
    }
    for (n, section) in config.services.iter().enumerate() {
        service(&format!("services[{n}]"), section, &mut taken, problems);
    }
    for (n, metrics) in config.metrics.iter().enumerate() {
        if metrics.port.is_none_or(|port| port == 0) {
            problems.add(format!("metrics[{n}].port"), PORT_RANGE);
        }
    }
}

const PORT_RANGE: &str = "a port is a number from 1 to 65535";

fn service(at: &str, section: &ServiceSection, taken: &mut Taken, problems: &mut Problems) {
    if section.internal_port.is_none_or(|port| port == 0) {
        problems.add(format!("{at}.internal_port"), PORT_RANGE);
    }
    concurrency(at, section.concurrency.as_ref(), problems);
    let protocol = section.protocol.unwrap_or(Protocol::Tcp);
    for (n, section) in section.ports.iter().enumerate() {
        let at = format!("{at}.ports[{n}]");
        if let Some(range) = port(&at, section, protocol, problems) {
            taken.take(&at, protocol, range, problems);
        }
    }
}

/// The public ports, when they are given right.
fn port(at: &str, port: &PortSection, protocol: Protocol, problems: &mut Problems) -> Option<(u16, u16)> {
    if protocol == Protocol::Udp && !port.handlers.is_empty() {
        problems.add(format!("{at}.handlers"), "a UDP service has no handlers");
    }
    if port.force_https == Some(true) && !port.handlers.contains(&Handler::Http) {
        problems.add(format!("{at}.force_https"), "it needs the handler \"http\"");
    }
    replay_cache(at, port.http_options.as_ref(), problems);
    if port.http_options.is_some() && !port.handlers.contains(&Handler::Http) {
        problems.add(format!("{at}.http_options"), "it needs the handler \"http\"");
    }
    match (port.port, port.start_port, port.end_port) {
        (Some(port), None, None) if port > 0 => Some((port, port)),
        (Some(_), None, None) => {
            problems.add(format!("{at}.port"), PORT_RANGE);
            None
        }
        (None, Some(start), Some(end)) if 0 < start && start <= end => Some((start, end)),
        (None, Some(_), Some(_)) => {
            problems.add(
                format!("{at}.start_port"),
                "a range of ports starts at 1 or above and ends at or after its start",
            );
            None
        }
        _ => {
            problems.add(at, "give either port, or both start_port and end_port");
            None
        }
    }
}

fn replay_cache(at: &str, options: Option<&HttpOptions>, problems: &mut Problems) {
    let rules = options.map(|options| options.replay_cache.as_slice()).unwrap_or_default();
    if rules.len() > ReplayCache::MAX_RULES {
        let most = ReplayCache::MAX_RULES;
        problems.add(format!("{at}.http_options.replay_cache"), format!("there are at most {most} rules"));
    }
    for (n, rule) in rules.iter().enumerate() {
        let at = format!("{at}.http_options.replay_cache[{n}]");
        if !rule.path_prefix.contains('/') {
            problems
                .add(format!("{at}.path_prefix"), "it is a path such as \"/\", with a host before it or not");
        }
        let shortest = ReplayCache::SHORTEST_TTL_SECS;
        if rule.ttl_seconds.is_none_or(|secs| secs < shortest) {
            problems.add(format!("{at}.ttl_seconds"), format!("it is {shortest} or more"));
        }
        if rule.kind.is_none() {
            problems.add(format!("{at}.type"), "it is \"cookie\" or \"header\"");
        }
        if rule.name.as_deref().is_none_or(str::is_empty) {
            problems.add(format!("{at}.name"), "it names the cookie or header that tells sessions apart");
        }
    }
}

fn concurrency(at: &str, limits: Option<&Concurrency>, problems: &mut Problems) {
    let Some(Concurrency { soft_limit, hard_limit, .. }) = limits else { return };
    if *hard_limit == Some(0) {
        problems.add(format!("{at}.concurrency.hard_limit"), "0 would let no request through");
    }
    if let (Some(soft), Some(hard)) = (soft_limit, hard_limit)
        && soft > hard
    {
        problems.add(format!("{at}.concurrency.soft_limit"), "it may not be above hard_limit");
    }
}

/// Public ports and the service that has each.
#[derive(Default)]
struct Taken(BTreeMap<(bool, u16), (u16, String)>);

impl Taken {
    fn take(&mut self, at: &str, protocol: Protocol, (first, last): (u16, u16), problems: &mut Problems) {
        let udp = protocol == Protocol::Udp;
        // Ranges that are kept do not overlap, so the last one to start at or before `last` decides.
        let before = self.0.range((udp, 0)..=(udp, last)).next_back();
        match before {
            Some(((_, start), (end, other))) if *end >= first => {
                problems.add(at, format!("public port {} belongs to {other} already", first.max(*start)));
            }
            _ => {
                self.0.insert((udp, first), (last, at.to_owned()));
            }
        }
    }
}
