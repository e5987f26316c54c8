//! Host names of apps: `<app>.<base domain>`.

use roost_model::AppName;

/// The app that the value of a `Host` header names, or `None` when it is no app's name.
///
/// Case, a trailing dot and a port do not matter. `base_domain` is lower case without dots at
/// its ends.
pub fn app_of_host(host: &str, base_domain: &str) -> Option<AppName> {
    let name = bare_host(host);
    let app = name.strip_suffix(base_domain)?.strip_suffix('.')?;
    app.parse().ok()
}

/// Whether a name in lower case is the domain, or below it.
pub fn is_within(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The wildcard that a name is under: `*.example.com` for `www.example.com`.
pub fn wildcard_above(name: &str) -> Option<String> {
    let (_, above) = name.split_once('.')?;
    Some(format!("*.{above}"))
}

/// The name in a `Host` header: lower case, without port or final dot.
pub fn bare_host(host: &str) -> String {
    without_port(host).trim_end_matches('.').to_ascii_lowercase()
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_apps_are_found() {
        for host in ["web.roost.localhost", "WEB.Roost.localhost:8080", "web.roost.localhost."] {
            assert_eq!(app_of_host(host, "roost.localhost").unwrap().as_str(), "web", "{host}");
        }
    }

    #[test]
    fn other_names_are_not() {
        for host in [
            "",
            "roost.localhost",
            ".roost.localhost",
            "a.b.roost.localhost",
            "webroost.localhost",
            "[::1]:80",
        ] {
            assert_eq!(app_of_host(host, "roost.localhost"), None, "{host}");
        }
    }
}
