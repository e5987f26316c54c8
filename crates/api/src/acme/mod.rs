//! Certificates from authorities: ordered, proven, kept, renewed (ACME, RFC 8555).
//!
//! ```text
//!  records ─► due? ─► DNS looks right? ─► order (recorded) ─► proof shown ─► authority checks ─► certificate
//!     ▲                     │ no                │ refused          │                 │ refused      │
//!     └──── why, and when again ◄───────────────┴──────────────────┴─────────────────┴─────────────┘
//! ```
//!
//! Responsible for: when a name's certificate is asked for and of whom, the order's steps, and saying why one
//! failed. A new process goes on with the order that it finds. Not responsible for: showing proofs to
//! authorities and certificates to clients, which the edge does from its catalog; proofs in DNS are placed by
//! a command of the operator's.
//!
//! An order is only made for a name whose DNS leads here: authorities count the failures.

mod account;
mod config;
mod due;
mod failure;
mod order;
mod proof;
mod renewal;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use roost_directory::{Compare, Op, Txn};
use roost_model::AppName;
use roost_records::{CertificateRecord, Record as _, Stored, key};
use tokio::{
    sync::{Notify, Semaphore},
    task::JoinSet,
    time::timeout,
};

pub use self::config::{AcmeConfig, Authority};
use self::{account::Accounts, failure::IssueError};
pub(crate) use self::{due::Ways, proof::dns_challenge};
use crate::{
    api::Api,
    error::{ApiError, Result},
    store::{MAX_TRIES, put},
};

/// Between two looks at all names, when nothing wakes the issuer and no name is due before.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// A name that is due again at once does not keep the issuer busy.
const LEAST_WAIT: Duration = Duration::from_secs(1);

/// Orders under way at once: each waits mostly for an authority.
const AT_ONCE: usize = 4;

/// For one name's whole way; an authority that needs longer is asked again later.
const PATIENCE: Duration = Duration::from_secs(300);

/// What the issuer remembers between two looks.
#[derive(Default)]
pub struct Acme {
    wake: Notify,
    accounts: Accounts,
    /// Authorities that asked to be left alone, until when.
    paused: Mutex<HashMap<String, Timestamp>>,
    renewals: renewal::Windows,
}

impl Acme {
    /// A name was added or looks better than before: do not wait for the next look.
    pub fn wake(&self) {
        self.wake.notify_one();
    }
}

/// A name whose certificate the platform gets.
#[derive(Debug, Clone)]
struct Name {
    /// Of its record.
    key: String,
    hostname: String,
    /// Whose it is; `None`: the platform's own.
    app: Option<AppName>,
}

/// Issues and renews until the shutdown.
pub async fn issue_regularly(api: Arc<Api>) {
    if api.config.acme.authorities.is_empty() {
        return;
    }
    loop {
        let looked = look(&api).await;
        let next = looked.unwrap_or_else(|error| {
            tracing::warn!(%error, "names could not be looked at for certificates");
            LOOK_AGAIN
        });
        let wait = async {
            let _ = timeout(next, api.acme.wake.notified()).await;
        };
        if api.shutdown.run_until_cancelled(wait).await.is_none() {
            return;
        }
    }
}

/// One look at all names; returns when those that were due are done, with the time until the next look.
async fn look(api: &Arc<Api>) -> Result<Duration> {
    if api.config.acme.platform {
        ensure_platform_name(api).await?;
    }
    let names = all_names(api).await?;
    renewal::look(api, &names).await;
    let now = Timestamp::now();
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut orders = JoinSet::new();
    for (name, record) in names.into_iter().filter(|(_, record)| due::is_due(record, now)) {
        let (api, room) = (Arc::clone(api), Arc::clone(&room));
        orders.spawn(async move {
            let _place = room.acquire().await;
            one(&api, &name, record).await;
        });
    }
    let all = async { while orders.join_next().await.is_some() {} };
    let _: Option<()> = api.shutdown.run_until_cancelled(all).await;
    let (names, now) = (all_names(api).await?, Timestamp::now());
    let next = names.iter().filter_map(|(_, record)| due::next(record)).min();
    let until =
        next.map_or(LOOK_AGAIN, |next| Duration::try_from(next.duration_since(now)).unwrap_or_default());
    Ok(until.clamp(LEAST_WAIT, LOOK_AGAIN))
}

async fn one(api: &Arc<Api>, name: &Name, record: CertificateRecord) {
    let done = timeout(PATIENCE, Box::pin(order::issue(api, name, &record))).await;
    let error = match done.unwrap_or(Err(IssueError::TimedOut)) {
        Ok(()) => return tracing::info!(name = name.hostname, "certificate issued"),
        Err(error) => error,
    };
    tracing::warn!(name = name.hostname, code = error.code(), %error, "no certificate was issued");
    if let Err(error) = failure::record(api, name, &error).await {
        tracing::warn!(name = name.hostname, %error, "that could not be written down");
    }
}

async fn all_names(api: &Api) -> Result<Vec<(Name, CertificateRecord)>> {
    let of_apps = api.store.list::<CertificateRecord>(key::CERTIFICATES).await?;
    let of_platform = api.store.list::<CertificateRecord>(key::PLATFORM_CERTIFICATES).await?;
    let names = of_apps.into_iter().chain(of_platform).map(|Stored { key, record, .. }| {
        let app = key.strip_prefix(key::CERTIFICATES).and_then(|rest| rest.split_once('/')?.0.parse().ok());
        (Name { key, hostname: record.hostname.clone(), app }, record)
    });
    Ok(names.collect())
}

/// The wildcard below which every app has its name.
async fn ensure_platform_name(api: &Api) -> Result<()> {
    let hostname = format!("*.{}", api.config.base_domain);
    let key = key::platform_certificate(&hostname);
    if api.store.get::<CertificateRecord>(&key).await?.is_some() {
        return Ok(());
    }
    let record = CertificateRecord::new(hostname, Timestamp::now());
    let record = CertificateRecord { acme_requested: true, ..record };
    api.store.txn(Txn::always([put(&key, &record)]).when(Compare::absent(&key))).await?;
    Ok(())
}

/// Changes a name's record; does nothing to one that is gone: its owner took the name away meanwhile.
async fn change(api: &Api, name: &Name, change: impl Fn(&mut CertificateRecord)) -> Result<()> {
    for _ in 0..MAX_TRIES {
        let Some(stored) = api.store.get::<CertificateRecord>(&name.key).await? else { return Ok(()) };
        let mut record = stored.record;
        change(&mut record);
        record.updated_at = Timestamp::now();
        let write = Op::put(&name.key, record.encode());
        let txn = Txn::always([write]).when(Compare::unchanged(&name.key, stored.revision));
        if api.store.txn(txn).await?.succeeded {
            return Ok(());
        }
    }
    Err(ApiError::contended())
}
