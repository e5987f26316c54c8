//! Checks: that they are complete, ask for what can be asked, and can be done in their time.

use std::time::Duration;

use roost_model::service::CheckKind;

use super::Problems;
use crate::{AppConfig, forms::Millis, section::Check};

/// A probe that takes longer than this is no sign of health.
const MAX_TIMEOUT: Duration = Duration::from_secs(60);

pub(super) fn validate(config: &AppConfig, problems: &mut Problems) {
    if let Some(service) = &config.http_service {
        all("http_service.checks", &service.checks, CheckKind::Http, problems);
    }
    for (n, service) in config.services.iter().enumerate() {
        all(&format!("services[{n}].tcp_checks"), &service.tcp_checks, CheckKind::Tcp, problems);
        all(&format!("services[{n}].http_checks"), &service.http_checks, CheckKind::Http, problems);
    }
    for (name, section) in &config.checks {
        let at = format!("checks.{name}");
        match section.kind {
            None => problems.add_with_help(&at, "type is missing", "set type = \"http\" or type = \"tcp\""),
            Some(kind) => check(&at, section, kind, problems),
        }
        if section.port.is_none() && config.http_service.is_none() {
            problems.add(&at, "port is missing, and there is no http_service to take it from");
        }
    }
}

fn all(at: &str, sections: &[Check], kind: CheckKind, problems: &mut Problems) {
    for (n, section) in sections.iter().enumerate() {
        check(&format!("{at}[{n}]"), section, kind, problems);
    }
}

fn check(at: &str, check: &Check, kind: CheckKind, problems: &mut Problems) {
    if check.port == Some(0) {
        problems.add(format!("{at}.port"), "a port is a number from 1 to 65535");
    }
    if check.interval.is_some_and(|Millis(interval)| interval.is_zero()) {
        problems.add(format!("{at}.interval"), "it must be more than 0");
    }
    if check.timeout.is_some_and(|Millis(timeout)| timeout.is_zero() || timeout > MAX_TIMEOUT) {
        problems.add(format!("{at}.timeout"), "it must be more than 0 and at most 60 s");
    }
    if check.path.as_ref().is_some_and(|path| !path.starts_with('/')) {
        problems.add(format!("{at}.path"), "a path starts with /");
    }
    if check.protocol.as_ref().is_some_and(|protocol| !matches!(protocol.as_str(), "http" | "https")) {
        problems.add(format!("{at}.protocol"), "it is \"http\" or \"https\"");
    }
    let method_is_odd =
        |method: &String| method.is_empty() || !method.chars().all(|c| c.is_ascii_alphabetic());
    if check.method.as_ref().is_some_and(method_is_odd) {
        problems.add(format!("{at}.method"), "it is the name of an HTTP method, such as GET");
    }
    if kind == CheckKind::Tcp && (check.path.is_some() || check.method.is_some() || !check.headers.is_empty())
    {
        problems.add(at, "a tcp check only connects: path, method and headers belong to http checks");
    }
}
