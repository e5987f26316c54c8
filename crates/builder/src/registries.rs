//! Registry mirrors for builds, as containers-registries.conf(5) writes them.

use std::{fmt::Write, path::Path, str::FromStr};

/// A mirror of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The registry that it stands for, such as `docker.io`.
    pub registry: String,
    /// Host, port and path.
    pub location: String,
    pub transport: Transport,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Https,
    Http,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid mirror \"{0}\"; write REGISTRY=URL, for example docker.io=http://127.0.0.1:5000")]
pub struct InvalidMirror(String);

impl FromStr for Mirror {
    type Err = InvalidMirror;

    /// Reads `docker.io=http://127.0.0.1:5000`.
    fn from_str(text: &str) -> Result<Self, InvalidMirror> {
        let invalid = || InvalidMirror(text.to_owned());
        let (registry, url) = text.split_once('=').ok_or_else(invalid)?;
        let (transport, location) = match url.split_once("://") {
            Some(("http", location)) => (Transport::Http, location),
            Some(("https", location)) => (Transport::Https, location),
            _ => return Err(invalid()),
        };
        let location = location.trim_end_matches('/');
        // They are written into a file of another syntax.
        let plain = |text: &str| {
            let fine = |c: char| c.is_ascii_alphanumeric() || ".:/_-[]".contains(c);
            !text.is_empty() && text.chars().all(fine)
        };
        if !plain(registry) || !plain(location) {
            return Err(invalid());
        }
        Ok(Self { registry: registry.to_owned(), location: location.to_owned(), transport })
    }
}

/// The registries.conf of a build; `None` when the machine's own will do.
pub(crate) fn registries_conf(mirrors: &[Mirror]) -> Option<String> {
    if mirrors.is_empty() && short_names_are_configured() {
        return None;
    }
    // Docker's rule for names without a registry.
    let mut conf =
        "unqualified-search-registries = [\"docker.io\"]\nshort-name-mode = \"permissive\"\n".to_owned();
    let mut registries: Vec<&str> = mirrors.iter().map(|mirror| mirror.registry.as_str()).collect();
    registries.sort_unstable();
    registries.dedup();
    for registry in registries {
        let _ = write!(conf, "\n[[registry]]\nprefix = \"{registry}\"\nlocation = \"{registry}\"\n");
        for mirror in mirrors.iter().filter(|mirror| mirror.registry == registry) {
            let insecure = mirror.transport == Transport::Http;
            let location = &mirror.location;
            let _ = write!(conf, "[[registry.mirror]]\nlocation = \"{location}\"\ninsecure = {insecure}\n");
        }
    }
    Some(conf)
}

/// The machine says where `FROM debian` comes from.
fn short_names_are_configured() -> bool {
    let home = std::env::var("HOME").unwrap_or_default();
    let user = format!("{home}/.config/containers/registries.conf");
    std::env::var_os("CONTAINERS_REGISTRIES_CONF").is_some()
        || [user.as_str(), "/etc/containers/registries.conf"]
            .iter()
            .any(|path| names_a_registry(Path::new(path)))
}

fn names_a_registry(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().any(|line| line.trim_start().starts_with("unqualified-search-registries"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_are_written_in_their_order() {
        let mirrors: Vec<Mirror> = [
            "docker.io=http://127.0.0.1:5000",
            "quay.io=https://m.example/quay/",
            "docker.io=https://b.example",
        ]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
        let conf = registries_conf(&mirrors).unwrap();
        let docker = "prefix = \"docker.io\"\nlocation = \"docker.io\"\n[[registry.mirror]]\nlocation = \"127.0.0.1:5000\"\ninsecure = true\n[[registry.mirror]]\nlocation = \"b.example\"\ninsecure = false\n";
        assert!(conf.contains(docker), "{conf}");
        assert!(conf.contains("location = \"m.example/quay\"\n"), "{conf}");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "docker.io",
            "docker.io=127.0.0.1:5000",
            "=http://a",
            "a=http://",
            "a=http://x\"\n",
            "a=ftp://x",
        ] {
            assert!(text.parse::<Mirror>().is_err(), "{text}");
        }
    }
}
