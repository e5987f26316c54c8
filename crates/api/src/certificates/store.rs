//! The records of names. A name is one app's at a time.

use jiff::Timestamp;
use roost_api_types::ErrorCode;
use roost_directory::{Compare, Op, Txn};
use roost_model::AppName;
use roost_records::{CertificateRecord, HostnameRecord, key};

use super::no_name;
use crate::{
    error::{ApiError, Result},
    store::{MAX_TRIES, Store, put},
};

/// Names of one app: every list and every deletion goes through all of them.
const MAX_NAMES: usize = 1000;

/// Keys in one transaction, which has a bound of its own.
const MAX_AT_ONCE: usize = 50;

impl Store {
    /// In the order of the names.
    pub async fn certificates(&self, app: &AppName) -> Result<Vec<CertificateRecord>> {
        let records = self.list::<CertificateRecord>(&key::certificates(app)).await?;
        Ok(records.into_iter().map(|stored| stored.record).collect())
    }

    pub async fn certificate(&self, app: &AppName, hostname: &str) -> Result<CertificateRecord> {
        let stored = self.get::<CertificateRecord>(&key::certificate(app, hostname)).await?;
        stored.map(|stored| stored.record).ok_or_else(|| no_name(app, hostname))
    }

    /// Changes a name's record, and makes it first if the name is nobody's yet.
    pub async fn add_certificate(
        &self,
        app: &AppName,
        hostname: &str,
        change: impl Fn(&mut CertificateRecord),
    ) -> Result<CertificateRecord> {
        for _ in 0..MAX_TRIES {
            if let Some(record) = self.change_certificate(app, hostname, &change).await? {
                return Ok(record);
            }
            let claim = key::hostname(hostname);
            if let Some(taken) = self.get::<HostnameRecord>(&claim).await?
                && taken.record.app != *app
            {
                return Err(name_taken(hostname));
            }
            if self.certificates(app).await?.len() >= MAX_NAMES {
                return Err(ApiError::invalid(format!("app \"{app}\" has {MAX_NAMES} names already")));
            }
            let now = Timestamp::now();
            let mut record = CertificateRecord::new(hostname.to_owned(), now);
            change(&mut record);
            let writes = [
                put(key::certificate(app, hostname), &record),
                put(&claim, &HostnameRecord { app: app.clone() }),
            ];
            let txn = Txn::always(writes)
                .when(Compare::absent(key::certificate(app, hostname)))
                .when(Compare::absent(&claim))
                .when(Compare::present(key::app(app)));
            if self.txn(txn).await?.succeeded {
                return Ok(record);
            }
            self.app(app).await?;
        }
        Err(ApiError::contended())
    }

    /// Other apps may have the names of this one.
    pub async fn give_names_back(&self, app: &AppName) -> Result<()> {
        for names in self.certificates(app).await?.chunks(MAX_AT_ONCE) {
            let deletions = names.iter().map(|record| Op::delete(key::hostname(&record.hostname)));
            self.txn(Txn::always(deletions)).await?;
        }
        Ok(())
    }

    /// `None` if there is no such record, or nothing is left of it: then the name is given back.
    pub async fn change_certificate(
        &self,
        app: &AppName,
        hostname: &str,
        change: impl Fn(&mut CertificateRecord),
    ) -> Result<Option<CertificateRecord>> {
        let key = key::certificate(app, hostname);
        for _ in 0..MAX_TRIES {
            let Some(stored) = self.get::<CertificateRecord>(&key).await? else { return Ok(None) };
            let mut record = stored.record;
            change(&mut record);
            record.updated_at = Timestamp::now();
            let left = record.acme_requested || record.custom.is_some();
            let writes = match left {
                true => vec![put(&key, &record)],
                false => vec![Op::delete(&key), Op::delete(key::hostname(hostname))],
            };
            let txn = Txn::always(writes).when(Compare::unchanged(&key, stored.revision));
            if self.txn(txn).await?.succeeded {
                return Ok(left.then_some(record));
            }
        }
        Err(ApiError::contended())
    }
}

fn name_taken(hostname: &str) -> ApiError {
    ApiError::new(
        ErrorCode::NameTaken,
        format!("hostname: \"{hostname}\" is another app's; remove it there first"),
    )
}
