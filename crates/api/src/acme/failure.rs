//! Why a name got no certificate: for people, for programs, and for the decision when to try again.

use std::time::Duration;

use instant_acme::Problem;
use jiff::Timestamp;
use roost_records::IssuingFailure;

use super::{Name, change, due, proof};
use crate::{
    api::Api,
    certificates::DNS_NOT_CONFIGURED,
    error::{ApiError, Result},
};

/// How long an authority is left alone that said so. Limits count hours and days.
const PAUSE: Duration = Duration::from_secs(3600);

/// Longest reason that is kept; authorities and commands may be wordy.
const MAX_REASON: usize = 600;

#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    #[error("{0}")]
    Dns(String),
    #[error("the authority {authority} has issued or refused enough for now: {detail}")]
    RateLimited { authority: String, detail: String },
    #[error("the authority {authority} could not verify the name: {detail}")]
    NotVerified { authority: String, detail: String },
    #[error("the authority {authority} refused: {detail}")]
    Refused { authority: String, detail: String },
    #[error("the authority {authority} cannot be talked to: {detail}")]
    Unreachable { authority: String, detail: String },
    #[error("acme.dns_command: {0}")]
    DnsCommand(String),
    #[error("the edge did not take the proof up in time")]
    NotShown,
    #[error("the authority did not finish in time")]
    TimedOut,
    #[error("what the authority sent is no certificate for the name")]
    BadCertificate,
    #[error(transparent)]
    Store(#[from] ApiError),
    #[error("a key could not be made")]
    Key(#[from] rcgen::Error),
}

impl IssueError {
    /// Stable.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Dns(_) => DNS_NOT_CONFIGURED,
            Self::RateLimited { .. } => "rate_limited",
            Self::NotVerified { .. } => "validation_failed",
            Self::Refused { .. } => "order_refused",
            Self::Unreachable { .. } => "authority_unreachable",
            Self::DnsCommand(_) => "dns_command_failed",
            Self::NotShown => "proof_not_shown",
            Self::TimedOut => "timed_out",
            Self::BadCertificate => "bad_certificate",
            Self::Store(_) | Self::Key(_) => "internal",
        }
    }

    pub fn of(authority: &str, error: instant_acme::Error) -> Self {
        let authority = authority.to_owned();
        match error {
            instant_acme::Error::Api(problem) => Self::of_problem(authority, &problem),
            instant_acme::Error::Timeout(_) => Self::TimedOut,
            other => Self::Unreachable { authority, detail: chain(&other) },
        }
    }

    fn of_problem(authority: String, problem: &Problem) -> Self {
        let detail = words(problem);
        let kind = problem.r#type.as_deref().unwrap_or_default().rsplit(':').next().unwrap_or_default();
        match kind {
            "rateLimited" => Self::RateLimited { authority, detail },
            "unauthorized" | "connection" | "dns" | "incorrectResponse" | "tls" | "caa" => {
                Self::NotVerified { authority, detail }
            }
            _ => Self::Refused { authority, detail },
        }
    }

    fn authority(&self) -> &str {
        match self {
            Self::RateLimited { authority, .. }
            | Self::NotVerified { authority, .. }
            | Self::Refused { authority, .. }
            | Self::Unreachable { authority, .. } => authority,
            _ => "",
        }
    }
}

/// What an authority's problem says.
pub fn words(problem: &Problem) -> String {
    let own = problem.detail.clone().or_else(|| problem.r#type.clone()).unwrap_or_default();
    let parts = problem.subproblems.iter().filter_map(|part| part.detail.clone());
    std::iter::once(own).chain(parts).collect::<Vec<_>>().join("; ")
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.dedup();
    texts.join(": ")
}

/// Writes down why, forgets the order, and says when to try again.
pub async fn record(api: &Api, name: &Name, error: &IssueError) -> Result<()> {
    proof::withdraw(api, name).await?;
    let now = Timestamp::now();
    if let IssueError::RateLimited { authority, .. } = error {
        let mut paused = api.acme.paused.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        paused.insert(authority.clone(), now + PAUSE);
    }
    let message: String = error.to_string().chars().take(MAX_REASON).collect();
    let failure = IssuingFailure {
        code: error.code().to_owned(),
        message,
        authority: error.authority().to_owned(),
        at: now,
    };
    change(api, name, |record| {
        let issuing = &mut record.issuing;
        issuing.failures = issuing.failures.saturating_add(1);
        issuing.next_try = Some(now + due::wait(issuing.failures));
        issuing.failure = Some(failure.clone());
        // An authority that does not answer still knows the order.
        if !matches!(error, IssueError::Unreachable { .. } | IssueError::TimedOut) {
            issuing.order = None;
        }
    })
    .await
}
