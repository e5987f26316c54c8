//! Host names of apps: `<app>.<base domain>`.

use std::borrow::Cow;

use roost_model::AppName;

/// What may be the name of an app in the value of a `Host` header: the label in front of the base domain, in lower case.
///
/// Case, a trailing dot and a port do not matter. `base_domain` is lower case without dots at its ends.
pub fn app_label<'a>(host: &'a str, base_domain: &str) -> Option<Cow<'a, str>> {
    let name = without_port(host).trim_end_matches('.');
    let (label, rest) = name.split_at_checked(name.len().checked_sub(base_domain.len() + 1)?)?;
    if !rest.starts_with('.') || !rest[1..].eq_ignore_ascii_case(base_domain) {
        return None;
    }
    let lower = !label.bytes().any(|byte| byte.is_ascii_uppercase());
    Some(if lower { Cow::Borrowed(label) } else { Cow::Owned(label.to_ascii_lowercase()) })
}

/// The app that the value of a `Host` header names, or `None` when it is no app's name.
pub fn app_of_host(host: &str, base_domain: &str) -> Option<AppName> {
    app_label(host, base_domain)?.parse().ok()
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
    let digits = host.bytes().rev().take_while(u8::is_ascii_digit).count();
    host[..host.len() - digits].strip_suffix(':').unwrap_or(host)
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
