//! What of the replay cache is rules: for which requests a kept replay stands, and for how long.

use std::{fmt, str::FromStr, time::Duration};

use roost_model::http_options::{ReplayCache, ReplayCacheKind};

use super::Invalid;

/// More is forgotten sooner by a restart.
pub const LONGEST_TTL: Duration = Duration::from_secs(24 * 3600);

/// Longest host and prefix, in bytes.
const MAX_SCOPE: usize = 1024;

/// Deepest folder of a path that is looked for: each is a look-up.
const MAX_DEPTH: usize = 32;

/// Whether later requests go the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// Those within the scope, for so long; `allow_bypass` lets their clients ask the app all the same.
    For { scope: Scope, ttl: Duration, allow_bypass: bool },
    /// What is kept for this request is forgotten.
    Forget,
}

/// `[host]/path/*`: requests below a folder; of the host of the request that asks, when none is named.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    pub host: Option<String>,
    /// Ends with `/`.
    pub folder: String,
}

impl FromStr for Scope {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |why: &str| Err(Invalid::field("fly-replay-cache", why));
        if text.len() > MAX_SCOPE {
            return invalid("is longer than 1024 bytes");
        }
        let Some(slash) = text.find('/') else { return invalid("has no path; use /path/*") };
        let (host, path) = text.split_at(slash);
        let Some(folder) = path.strip_suffix('*').filter(|folder| folder.ends_with('/')) else {
            return invalid("does not end with /*");
        };
        let plain = |part: &str| part.bytes().all(|b| b.is_ascii_graphic() && !b"*?#\"".contains(&b));
        if !plain(host) || !plain(folder) {
            return invalid("has characters that no path has");
        }
        let host = (!host.is_empty()).then(|| crate::bare_host(host));
        match host {
            Some(host) if host.is_empty() || host.contains(':') => invalid("names no host before its path"),
            host => Ok(Self { host, folder: folder.to_owned() }),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}*", self.host.as_deref().unwrap_or_default(), self.folder)
    }
}

impl Scope {
    /// The folders that a path is in, the deepest first: `/a/b` is in `/a/` and `/`.
    pub fn folders(path: &str) -> impl Iterator<Item = &str> {
        let ends: Vec<usize> = path.match_indices('/').map(|(at, _)| at + 1).take(MAX_DEPTH).collect();
        ends.into_iter().rev().map(|end| &path[..end])
    }
}

pub(super) fn ttl(secs: u64) -> Result<Duration, Invalid> {
    let shortest = ReplayCache::SHORTEST_TTL_SECS;
    match secs < shortest.into() {
        true => Err(Invalid::field("ttl of the cache", format_args!("is shorter than {shortest} s"))),
        false => Ok(Duration::from_secs(secs).min(LONGEST_TTL)),
    }
}

/// A rule of fly.toml's `replay_cache`: replays of one session are kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CacheRule {
    /// Without a host: of every one.
    pub scope: Scope,
    pub ttl: Duration,
    pub key: SessionKey,
    pub allow_bypass: bool,
}

/// What tells sessions apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SessionKey {
    Cookie(String),
    Header(String),
}

impl CacheRule {
    /// One rule, as fly.toml and the Machines API spell it.
    pub fn read(rule: &ReplayCache) -> Result<Self, Invalid> {
        // `/*` is meant where it is not written.
        let prefix = rule.path_prefix.trim_end_matches('*').trim_end_matches('/');
        let missing = |name: &str| Invalid::field("replay_cache", format_args!("{name} is missing"));
        let name = rule.name.clone().filter(|name| !name.is_empty()).ok_or_else(|| missing("name"))?;
        let key = match rule.kind.ok_or_else(|| missing("type"))? {
            ReplayCacheKind::Cookie => SessionKey::Cookie(name),
            ReplayCacheKind::Header => SessionKey::Header(name.to_ascii_lowercase()),
        };
        Ok(Self {
            scope: format!("{prefix}/*").parse()?,
            ttl: ttl(rule.ttl_seconds.ok_or_else(|| missing("ttl_seconds"))?.into())?,
            key,
            allow_bypass: rule.allow_bypass.unwrap_or(false),
        })
    }

    pub fn covers(&self, host: &str, path: &str) -> bool {
        self.scope.host.as_deref().is_none_or(|own| own == host) && path.starts_with(&self.scope.folder)
    }

    /// The rule with the longest path that covers a request. One that cannot be read is as good as not there: what
    /// checks a configuration refuses it.
    pub fn of(rules: &[ReplayCache], host: &str, path: &str) -> Option<Self> {
        let rules = rules.iter().take(ReplayCache::MAX_RULES).filter_map(|rule| Self::read(rule).ok());
        rules.filter(|rule| rule.covers(host, path)).max_by_key(|rule| rule.scope.folder.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_deepest_first() {
        let folders = |path| Scope::folders(path).collect::<Vec<_>>();
        assert_eq!(folders("/a/b"), ["/a/", "/"]);
        assert_eq!(folders("/a/b/"), ["/a/b/", "/a/", "/"]);
        assert_eq!(folders("/"), ["/"]);
    }
}
