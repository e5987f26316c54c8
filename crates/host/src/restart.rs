//! Whether, and when, an ended machine is started again. Pure.

use std::time::Duration;

use jiff::Timestamp;
use roost_model::machine::{Restart, RestartPolicy};

/// Tries within [`WINDOW`] before a machine is left stopped.
const DEFAULT_MAX_RETRIES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(300);

/// The first try comes at once; each further one within the window waits twice as long.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// How a machine ended, as far as the policy cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Exit code 0.
    Success,
    /// Another code, a signal, out of memory, or the VMM died.
    Failure,
    /// Somebody stopped it.
    Requested,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Stay,
    /// The policy would, but its tries are used up.
    GiveUp,
    StartAfter(Duration),
}

/// `tries` are the earlier restarts, in any order; those outside the window do not count.
pub fn decide(policy: Option<&Restart>, ending: Ending, tries: &[Timestamp], now: Timestamp) -> Verdict {
    let kind = policy.map_or(RestartPolicy::default(), |p| p.policy);
    let wanted = match (kind, ending) {
        (_, Ending::Requested) | (RestartPolicy::No, _) => false,
        (RestartPolicy::Always, _) => true,
        (RestartPolicy::OnFailure, ending) => ending == Ending::Failure,
    };
    if !wanted {
        return Verdict::Stay;
    }
    let recent = tries.iter().filter(|t| in_window(**t, now)).count() as u32;
    let limit = policy.and_then(|p| p.max_retries).unwrap_or(DEFAULT_MAX_RETRIES);
    if kind == RestartPolicy::OnFailure && recent >= limit {
        return Verdict::GiveUp;
    }
    Verdict::StartAfter(backoff(recent))
}

/// Whether a try at `then` still counts.
pub fn in_window(then: Timestamp, now: Timestamp) -> bool {
    now.duration_since(then).unsigned_abs() < WINDOW
}

fn backoff(recent: u32) -> Duration {
    match recent {
        0 => Duration::ZERO,
        n => FIRST_BACKOFF.saturating_mul(2u32.saturating_pow(n - 1)).min(MAX_BACKOFF),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(policy: RestartPolicy, max_retries: Option<u32>) -> Restart {
        Restart { policy, max_retries, extra: serde_json::Map::new() }
    }

    fn ago(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 - seconds).unwrap()
    }

    #[test]
    fn the_default_restarts_failures_only() {
        let now = ago(0);
        assert_eq!(decide(None, Ending::Success, &[], now), Verdict::Stay);
        assert_eq!(decide(None, Ending::Requested, &[], now), Verdict::Stay);
        assert_eq!(decide(None, Ending::Failure, &[], now), Verdict::StartAfter(Duration::ZERO));
    }

    #[test]
    fn failures_use_up_their_tries_within_the_window_only() {
        let now = ago(0);
        let on_failure = policy(RestartPolicy::OnFailure, Some(2));
        let decide = |tries: &[Timestamp]| decide(Some(&on_failure), Ending::Failure, tries, now);
        assert_eq!(decide(&[ago(10), ago(20)]), Verdict::GiveUp);
        assert_eq!(decide(&[ago(10), ago(301)]), Verdict::StartAfter(FIRST_BACKOFF));
    }

    #[test]
    fn always_never_gives_up_and_waits_longer_each_time() {
        let always = policy(RestartPolicy::Always, None);
        let tries: Vec<_> = (0..20).map(ago).collect();
        assert_eq!(decide(Some(&always), Ending::Success, &tries, ago(0)), Verdict::StartAfter(MAX_BACKOFF));
        assert_eq!(decide(Some(&always), Ending::Requested, &tries, ago(0)), Verdict::Stay);
    }

    #[test]
    fn no_means_no() {
        let no = policy(RestartPolicy::No, None);
        assert_eq!(decide(Some(&no), Ending::Failure, &[], ago(0)), Verdict::Stay);
    }
}
