//! When a certificate is to be renewed: as its authority says (ARI, RFC 9773), else when a third of its life
//! is left.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use instant_acme::{Account, CertificateIdentifier};
use jiff::Timestamp;
use rand::Rng as _;
use roost_records::{CertificateRecord, IssuedCertificate};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use super::{Name, account, change};
use crate::{api::Api, certificates::Leaf};

/// Between two questions about a certificate: authorities that have to revoke say so a day ahead.
const ASK_AGAIN: Duration = Duration::from_secs(6 * 3600);

/// When each name's authority was asked last, by this process.
#[derive(Default)]
pub struct Windows(Mutex<HashMap<String, Timestamp>>);

/// When a new certificate is to be renewed.
pub async fn time(account: &Account, chain: &str, leaf: &Leaf) -> Timestamp {
    asked(account, chain).await.unwrap_or_else(|| by_age(leaf.begins, leaf.expires_at))
}

/// A third of the life is left.
fn by_age(begins: Timestamp, expires: Timestamp) -> Timestamp {
    let life = Duration::try_from(expires.duration_since(begins)).unwrap_or(Duration::ZERO);
    expires - life / 3
}

/// A moment in the window that the authority suggests, if it suggests one.
async fn asked(account: &Account, chain: &str) -> Option<Timestamp> {
    let leaf = CertificateDer::from_pem_slice(chain.as_bytes()).ok()?;
    let id = CertificateIdentifier::try_from(&leaf).ok()?;
    let (info, _) = account.renewal_info(&id).await.ok()?;
    let seconds = |time: i64| Timestamp::from_second(time).ok();
    let start = seconds(info.suggested_window.start.unix_timestamp())?;
    let end = seconds(info.suggested_window.end.unix_timestamp())?;
    let window = Duration::try_from(end.duration_since(start)).unwrap_or(Duration::ZERO);
    Some(start + window.mul_f64(rand::rng().random_range(0.0..1.0)))
}

/// Asks about certificates that nobody has asked about for a while: an authority may want one replaced early.
pub async fn look(api: &Api, names: &[(Name, CertificateRecord)]) {
    let now = Timestamp::now();
    api.acme.renewals.forget_all_but(names);
    for (name, record) in names {
        let Some(issued) = record.issued.as_ref().filter(|issued| issued.renew_at > now) else { continue };
        if !api.acme.renewals.is_time(&name.key, issued, now) {
            continue;
        }
        let authority = api.config.acme.authorities.iter().find(|a| a.name == issued.authority);
        let Some(authority) = authority else { continue };
        let Ok(account) = account::open(api, authority).await else { continue };
        let Some(renew_at) = asked(&account, &issued.chain).await else { continue };
        if renew_at <= now {
            tracing::info!(name = name.hostname, "the authority wants the certificate replaced early");
            let early = |record: &mut CertificateRecord| {
                record.issued.iter_mut().for_each(|issued| issued.renew_at = renew_at);
            };
            if let Err(error) = change(api, name, early).await {
                tracing::warn!(name = name.hostname, %error, "that could not be written down");
            }
        }
    }
}

impl Windows {
    fn forget_all_but(&self, names: &[(Name, CertificateRecord)]) {
        let known: HashSet<&str> = names.iter().map(|(name, _)| name.key.as_str()).collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|key, _| known.contains(key.as_str()));
    }

    /// Whether to ask now; then the next time is a while later.
    fn is_time(&self, key: &str, issued: &IssuedCertificate, now: Timestamp) -> bool {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = asked.get(key).copied().unwrap_or(issued.created_at);
        let is_time = last + ASK_AGAIN <= now;
        if is_time {
            asked.insert(key.to_owned(), now);
        }
        is_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_of_the_life_is_left() {
        let begins = Timestamp::now();
        let day = Duration::from_secs(24 * 3600);
        assert_eq!(by_age(begins, begins + day * 90), begins + day * 60);
    }
}
