//! Services and checks of a machine, out of `[http_service]`, `[[services]]` and `[checks]`.

use roost_model::{
    Port, Service, ServiceCheck,
    service::{CheckHeader, CheckKind, Handler, NamedChecks, Protocol},
};
use serde_json::Map;

use super::includes;
use crate::{
    AppConfig,
    section::{Check, HttpService, PortSection, ServiceSection},
};

/// Where an `[http_service]` listens when it does not say.
pub(crate) const DEFAULT_INTERNAL_PORT: u16 = 8080;

impl AppConfig {
    /// Some service sends requests to the group.
    pub(super) fn serves(&self, group: &str) -> bool {
        self.http_service.iter().any(|service| includes(&service.processes, group))
            || self.services.iter().any(|service| includes(&service.processes, group))
    }

    pub(super) fn machine_services(&self, group: &str) -> Vec<Service> {
        let http = self.http_service.iter().filter(|s| includes(&s.processes, group)).map(http_service);
        let plain = self.services.iter().filter(|s| includes(&s.processes, group)).map(service);
        http.chain(plain).collect()
    }

    pub(super) fn machine_named_checks(&self, group: &str) -> NamedChecks {
        let fallback = self.http_service.as_ref().map(HttpService::port);
        let mine = self.checks.iter().filter(|(_, check)| includes(&check.processes, group));
        mine.map(|(name, section)| {
            let mut check = check(section, section.kind.unwrap_or_default());
            check.port = check.port.or(fallback);
            (name.clone(), check)
        })
        .collect()
    }
}

impl HttpService {
    /// Where the app listens.
    pub fn port(&self) -> u16 {
        self.internal_port.unwrap_or(DEFAULT_INTERNAL_PORT)
    }
}

fn http_service(section: &HttpService) -> Service {
    let port = |number, handlers, force_https| Port {
        port: Some(number),
        handlers,
        force_https,
        http_options: section.http_options.clone(),
        tls_options: section.tls_options.clone(),
        ..Port::default()
    };
    Service {
        protocol: Protocol::Tcp,
        internal_port: section.port(),
        ports: vec![
            port(80, vec![Handler::Http], section.force_https),
            port(443, vec![Handler::Tls, Handler::Http], None),
        ],
        checks: section.checks.iter().map(|c| check(c, CheckKind::Http)).collect(),
        concurrency: section.concurrency.clone(),
        autostart: Some(section.auto_start_machines.unwrap_or(true)),
        autostop: section.auto_stop_machines,
        min_machines_running: section.min_machines_running,
        rate_limit: section.rate_limit,
        max_connections: section.max_connections,
        access_log: section.access_log,
        allow_from: section.allow_from.clone(),
        deny_from: section.deny_from.clone(),
        extra: Map::new(),
    }
}

fn service(section: &ServiceSection) -> Service {
    let tcp = section.tcp_checks.iter().map(|c| check(c, CheckKind::Tcp));
    let http = section.http_checks.iter().map(|c| check(c, CheckKind::Http));
    Service {
        protocol: section.protocol.unwrap_or(Protocol::Tcp),
        internal_port: section.internal_port.unwrap_or(DEFAULT_INTERNAL_PORT),
        ports: section.ports.iter().map(port).collect(),
        checks: tcp.chain(http).collect(),
        concurrency: section.concurrency.clone(),
        autostart: Some(section.auto_start_machines.unwrap_or(true)),
        autostop: section.auto_stop_machines,
        min_machines_running: section.min_machines_running,
        rate_limit: section.rate_limit,
        max_connections: section.max_connections,
        access_log: section.access_log,
        allow_from: section.allow_from.clone(),
        deny_from: section.deny_from.clone(),
        extra: Map::new(),
    }
}

fn port(section: &PortSection) -> Port {
    Port {
        port: section.port,
        start_port: section.start_port,
        end_port: section.end_port,
        handlers: section.handlers.clone(),
        force_https: section.force_https,
        http_options: section.http_options.clone(),
        tls_options: section.tls_options.clone(),
        proxy_proto_options: section.proxy_proto_options.clone(),
        extra: Map::new(),
    }
}

fn check(section: &Check, kind: CheckKind) -> ServiceCheck {
    let header =
        |(name, value): (&String, &String)| CheckHeader { name: name.clone(), values: vec![value.clone()] };
    ServiceCheck {
        kind,
        port: section.port,
        interval: section.interval.map(Into::into),
        timeout: section.timeout.map(Into::into),
        grace_period: section.grace_period.map(Into::into),
        method: section.method.clone(),
        path: section.path.clone(),
        protocol: section.protocol.clone(),
        tls_server_name: section.tls_server_name.clone(),
        tls_skip_verify: section.tls_skip_verify,
        headers: section.headers.iter().map(header).collect(),
        effect: None,
        extra: Map::new(),
    }
}
