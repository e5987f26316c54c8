//! A host with an optional port, as `Host` and `:authority` say it (RFC 9110, section 7.2).

use std::net::Ipv6Addr;

/// Whether it is one: no user, path, list or blanks.
pub fn is_valid(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port),
        _ => (host, ""),
    };
    let in_brackets = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let fine = match in_brackets {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !name.is_empty() && name.bytes().all(allowed),
    };
    fine && port.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_told_from_what_only_looks_like_them() {
        for fine in ["web.roost.test", "web:8080", "web:", "a_b", "192.0.2.1:80", "[2001:db8::1]", "[::1]:80"]
        {
            assert!(is_valid(fine), "{fine}");
        }
        for bad in
            ["", ":80", "a b", "a,b", "user@web", "web/x", "web:80:80", "[::1", "[web]:80", "::1", "web:8O"]
        {
            assert!(!is_valid(bad), "{bad}");
        }
    }
}
