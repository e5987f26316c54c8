//! Which checks a machine has, with every setting decided. Pure.

use std::time::Duration;

use roost_model::{
    GoDuration,
    service::{CheckHeader, CheckKind, ServiceCheck},
};

use crate::record::Record;

/// Intervals and timeouts are kept within these.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

const DEFAULT_INTERVAL: Duration = Duration::from_secs(15);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);
const DEFAULT_GRACE: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, PartialEq)]
pub struct CheckPlan {
    pub name: String,
    pub port: u16,
    pub interval: Duration,
    pub timeout: Duration,
    /// Failures this soon after the start do not count, until it has passed once.
    pub grace: Duration,
    /// None: a connection is all that is asked for.
    pub http: Option<HttpPlan>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct HttpPlan {
    pub method: String,
    pub path: String,
    pub headers: Vec<CheckHeader>,
    pub tls: Option<TlsPlan>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TlsPlan {
    /// The app's own name when absent.
    pub server_name: Option<String>,
    pub skip_verify: bool,
}

/// Those of the services in their order, then the machine's own by name.
pub fn of(record: &Record) -> Vec<CheckPlan> {
    let config = &record.spec.config;
    let mut plans = Vec::new();
    for service in &config.services {
        for check in &service.checks {
            let port = check.port.unwrap_or(service.internal_port);
            let name = format!("servicecheck-{:02}-{}-{port}", plans.len(), kind_name(check.kind));
            plans.push(plan(name, port, check));
        }
    }
    let first_port = config.services.first().map(|service| service.internal_port);
    for (name, check) in &config.checks {
        if let Some(port) = check.port.or(first_port) {
            plans.push(plan(name.clone(), port, check));
        }
    }
    plans
}

fn plan(name: String, port: u16, check: &ServiceCheck) -> CheckPlan {
    let bounded = |asked: Option<GoDuration>, default: Duration| {
        asked.map_or(default, |asked| asked.0).clamp(SHORTEST, LONGEST)
    };
    CheckPlan {
        name,
        port,
        interval: bounded(check.interval, DEFAULT_INTERVAL),
        timeout: bounded(check.timeout, DEFAULT_TIMEOUT),
        grace: check.grace_period.map_or(DEFAULT_GRACE, |grace| grace.0).min(LONGEST),
        http: (check.kind == CheckKind::Http).then(|| http(check)),
    }
}

fn http(check: &ServiceCheck) -> HttpPlan {
    let https = check.protocol.as_deref().is_some_and(|p| p.eq_ignore_ascii_case("https"));
    HttpPlan {
        method: check.method.clone().unwrap_or_else(|| "GET".to_owned()).to_uppercase(),
        path: check.path.clone().unwrap_or_else(|| "/".to_owned()),
        headers: check.headers.clone(),
        tls: https.then(|| TlsPlan {
            server_name: check.tls_server_name.clone(),
            skip_verify: check.tls_skip_verify.unwrap_or(false),
        }),
    }
}

fn kind_name(kind: CheckKind) -> &'static str {
    match kind {
        CheckKind::Tcp => "tcp",
        CheckKind::Http => "http",
    }
}
