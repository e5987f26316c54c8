//! Host names of apps' own and of the platform: whose each is, its certificate, and what an authority is
//! shown that asks about it.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use roost_model::AppName;
use roost_records::{CertificateRecord, ChallengeKind, ChallengeRecord};
use serde::{Deserialize, Serialize};

use crate::table::{Keyed, Table};

/// One host name that is served here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameEntry {
    /// Lower case; `*.` in front stands for any one label.
    pub hostname: String,
    /// Who answers to it; `None`: the name is the platform's own.
    pub app: Option<AppName>,
    /// The best there is, if any.
    pub certificate: Option<Arc<SealedCertificate>>,
}

/// A certificate as the directory keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedCertificate {
    /// PEM, the name's own certificate first.
    pub chain: String,
    pub sealed_key: String,
    /// The context that the key was sealed for.
    pub sealed_for: String,
}

/// What an authority that checks a name is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    pub kind: ChallengeKind,
    pub token: String,
    pub key_authorization: String,
}

/// All names of one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    entries: Table<NameEntry>,
    challenges: Arc<BTreeMap<String, Arc<Challenge>>>,
    /// Another one whenever an entry differs.
    version: u64,
}

impl Keyed for NameEntry {
    fn key(&self) -> &[u8] {
        self.hostname.as_bytes()
    }
}

impl NameEntry {
    /// The entry of a record that lies under `key`.
    pub(crate) fn of(record: CertificateRecord, key: &str, app: Option<AppName>) -> Self {
        let now = jiff::Timestamp::now();
        let custom = record.custom.map(|own| (own.chain, own.sealed_key, own.expires_at));
        let issued = record.issued.map(|issued| (issued.chain, issued.sealed_key, issued.expires_at));
        // Somebody's own wins, unless it has expired and the other has not.
        let best = match (custom, issued) {
            (Some(own), Some(issued)) if own.2 <= now && issued.2 > now => Some(issued),
            (own, issued) => own.or(issued),
        };
        let certificate = best.map(|(chain, sealed_key, _)| {
            Arc::new(SealedCertificate { chain, sealed_key, sealed_for: key.to_owned() })
        });
        Self { hostname: record.hostname, app, certificate }
    }
}

impl From<ChallengeRecord> for Challenge {
    fn from(record: ChallengeRecord) -> Self {
        let ChallengeRecord { kind, token, key_authorization, .. } = record;
        Self { kind, token, key_authorization }
    }
}

impl Names {
    /// The entry for a host name in lower case: its own, or that of the wildcard above it.
    pub fn get(&self, hostname: &str) -> Option<&Arc<NameEntry>> {
        self.entries
            .get(hostname.as_bytes())
            .or_else(|| self.entries.get(roost_routing::wildcard_above(hostname)?.as_bytes()))
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<NameEntry>> {
        self.entries.values()
    }

    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn challenge(&self, hostname: &str) -> Option<&Arc<Challenge>> {
        self.challenges.get(hostname)
    }

    /// Exactly these are there, as far as `of_kind` is concerned.
    pub fn replace(&mut self, entries: Vec<NameEntry>, of_kind: impl Fn(&NameEntry) -> bool) {
        let named: HashSet<&str> = entries.iter().map(|entry| entry.hostname.as_str()).collect();
        let gone = self.all().filter(|entry| of_kind(entry) && !named.contains(entry.hostname.as_str()));
        let gone: Vec<String> = gone.map(|entry| entry.hostname.clone()).collect();
        gone.iter().for_each(|hostname| self.entries.remove(hostname.as_bytes()));
        self.version += 1;
        entries.into_iter().for_each(|entry| self.put(entry));
    }

    pub fn put(&mut self, mut entry: NameEntry) {
        if let Some(known) = self.entries.get(entry.hostname.as_bytes()) {
            if **known == entry {
                return;
            }
            // Whoever has opened the certificate knows it by its address.
            if known.certificate == entry.certificate {
                entry.certificate = known.certificate.clone();
            }
        }
        self.version += 1;
        self.entries.insert(Arc::new(entry));
    }

    /// Removes a name, unless it is somebody else's by now.
    pub fn remove(&mut self, hostname: &str, app: Option<&AppName>) {
        let known = self.entries.get(hostname.as_bytes());
        if known.is_some_and(|entry| entry.app.as_ref() == app) {
            self.version += 1;
            self.entries.remove(hostname.as_bytes());
        }
    }

    pub fn replace_challenges(&mut self, challenges: BTreeMap<String, Arc<Challenge>>) {
        self.challenges = Arc::new(challenges);
    }

    pub fn put_challenge(&mut self, hostname: String, challenge: Challenge) {
        Arc::make_mut(&mut self.challenges).insert(hostname, Arc::new(challenge));
    }

    pub fn remove_challenge(&mut self, hostname: &str) {
        Arc::make_mut(&mut self.challenges).remove(hostname);
    }
}
