//! What is to be done when, of whom, and by which proof: decided from the record alone.

use std::time::Duration;

use jiff::Timestamp;
use roost_records::{CertificateRecord, ChallengeKind};

use super::config::Authority;

/// After the first failure; doubled with each further one, up to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(60);
const LONGEST_WAIT: Duration = Duration::from_secs(12 * 3600);

/// Failures in a row before the next authority is asked.
const FAILURES_PER_AUTHORITY: u32 = 2;

/// Whether a certificate, or its successor, is to be asked for now.
pub fn is_due(record: &CertificateRecord, now: Timestamp) -> bool {
    let wanted = record.issued.as_ref().is_none_or(|issued| issued.renew_at <= now);
    record.acme_requested && wanted && record.issuing.next_try.is_none_or(|next| next <= now)
}

/// When it will be; `None`: never, as things are.
pub fn next(record: &CertificateRecord) -> Option<Timestamp> {
    let wanted = record.issued.as_ref().map(|issued| issued.renew_at);
    record.acme_requested.then(|| wanted.max(record.issuing.next_try)).flatten()
}

/// How long to wait after so many failures in a row.
pub fn wait(failures: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_WAIT)
}

/// Whom to ask: the first, or one further on for each few failures; those that wish to be left alone are
/// passed over while another is there.
pub fn authority(
    authorities: &[Authority],
    failures: u32,
    paused: impl Fn(&str) -> bool,
) -> Option<&Authority> {
    let first = (failures / FAILURES_PER_AUTHORITY) as usize;
    let mut in_turn = (0..authorities.len()).map(|next| &authorities[(first + next) % authorities.len()]);
    in_turn.find(|authority| !paused(&authority.name))
}

/// How a name can be proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ways {
    /// Its DNS leads here.
    pub leads_here: bool,
    /// There is somebody to shake hands with.
    pub by_handshake: bool,
    /// Its challenge name leads into our zone, or is ours to write.
    pub by_dns: bool,
}

/// The proof to try; another one after a failure, where there are two.
pub fn proof(hostname: &str, ways: Ways, failures: u32) -> Option<ChallengeKind> {
    let by_connection = ways.leads_here && !hostname.starts_with("*.");
    match (ways.by_dns, by_connection) {
        (true, _) => Some(ChallengeKind::Dns),
        (false, true) if ways.by_handshake && failures.is_multiple_of(2) => Some(ChallengeKind::TlsAlpn),
        (false, true) => Some(ChallengeKind::Http),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorities() -> Vec<Authority> {
        let named = |name: &str| Authority {
            name: name.to_owned(),
            directory: format!("https://{name}.example/directory"),
            root: None,
            external_account: None,
            external_key_file: None,
        };
        vec![named("a"), named("b")]
    }

    #[test]
    fn the_wait_grows_and_is_bounded() {
        assert_eq!((wait(1), wait(2), wait(3)), (FIRST_WAIT, FIRST_WAIT * 2, FIRST_WAIT * 4));
        assert_eq!(wait(u32::MAX), LONGEST_WAIT);
    }

    #[test]
    fn another_authority_is_asked_when_one_keeps_failing() {
        let all = authorities();
        let asked = |failures, paused: &str| {
            authority(&all, failures, |name| name == paused).map(|authority| authority.name.as_str())
        };
        assert_eq!([0, 1, 2, 3, 4].map(|failures| asked(failures, "")), ["a", "a", "b", "b", "a"].map(Some));
        assert_eq!((asked(0, "a"), asked(2, "b")), (Some("b"), Some("a")));
        assert_eq!(authority(&all, 0, |_| true), None);
    }

    #[test]
    fn dns_decides_the_proof() {
        let ways = |leads_here, by_dns| Ways { leads_here, by_dns, by_handshake: true };
        let name = "www.example.com";
        assert_eq!(proof(name, ways(true, false), 0), Some(ChallengeKind::TlsAlpn));
        assert_eq!(proof(name, ways(true, false), 1), Some(ChallengeKind::Http));
        let no_tls = Ways { by_handshake: false, ..ways(true, false) };
        assert_eq!(proof(name, no_tls, 0), Some(ChallengeKind::Http));
        assert_eq!(proof(name, ways(false, true), 1), Some(ChallengeKind::Dns));
        assert_eq!(proof(name, ways(false, false), 0), None);
        assert_eq!(proof("*.example.com", ways(true, false), 0), None, "a wildcard is proven in DNS alone");
    }

    #[test]
    fn what_nobody_asked_for_is_never_due() {
        let now = Timestamp::now();
        let mut record = CertificateRecord::new("www.example.com".to_owned(), now);
        assert!(!is_due(&record, now));
        record.acme_requested = true;
        assert!(is_due(&record, now));
        record.issuing.next_try = Some(now + Duration::from_secs(1));
        assert!(!is_due(&record, now));
    }
}
