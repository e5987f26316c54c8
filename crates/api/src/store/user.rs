//! Users and their tokens.

use jiff::Timestamp;
use roost_directory::{Compare, Revision, Txn};
use roost_records::{Email, Stored, TokenRecord, UserRecord, key};

use super::{MAX_TRIES, Store, next_number, put};
use crate::error::{ApiError, Result};

impl Store {
    /// The user, made if nobody has that address; and whether somebody had.
    pub async fn ensure_user(&self, email: &Email, administrator: Standing) -> Result<(UserRecord, IsNew)> {
        let key = key::user(email);
        for _ in 0..MAX_TRIES {
            if let Some(known) = self.get::<UserRecord>(&key).await? {
                return Ok((known.record, IsNew::No));
            }
            let (number, unchanged, count) = next_number(self, key::USER_COUNTER).await?;
            let user = UserRecord {
                email: email.clone(),
                number,
                name: email.as_str().split('@').next().unwrap_or_default().to_owned(),
                administrator: administrator == Standing::Administrator,
                created_at: Timestamp::now(),
            };
            let txn = Txn::always([count, put(&key, &user)]).when(unchanged).when(Compare::absent(&key));
            if self.txn(txn).await?.succeeded {
                return Ok((user, IsNew::Yes));
            }
        }
        Err(ApiError::contended())
    }

    pub async fn add_token(&self, key: &str, token: &TokenRecord) -> Result<Revision> {
        let done = self.txn(Txn::always([put(key, token)]).when(Compare::absent(key))).await?;
        match done.succeeded {
            true => Ok(done.revision),
            false => Err(ApiError::contended()),
        }
    }

    /// Changes a token's record; nothing happens when it is gone meanwhile.
    pub async fn change_token(&self, key: &str, change: impl Fn(&mut TokenRecord)) -> Result<Revision> {
        for _ in 0..MAX_TRIES {
            let Some(Stored { mut record, revision, .. }) = self.get::<TokenRecord>(key).await? else {
                return Ok(0);
            };
            change(&mut record);
            let txn = Txn::always([put(key, &record)]).when(Compare::unchanged(key, revision));
            let done = self.txn(txn).await?;
            if done.succeeded {
                return Ok(done.revision);
            }
        }
        Err(ApiError::contended())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    User,
    Administrator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsNew {
    Yes,
    No,
}
