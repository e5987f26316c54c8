//! Ownership of a deploy: at most one api executes it. A key on a lease says who; the lease lapses
//! with its owner, and every write of the deploy compares the key.

use std::time::Duration;

use roost_directory::{Compare, LeaseId, Op, Txn};
use roost_model::AppName;
use roost_records::{DeployOwner, Record, Stored, key};
use tokio::task::AbortHandle;
use ulid::Ulid;

use crate::{error::Result, store::Store};

/// How long a deploy stands still when the node that executed it is gone.
const TTL: Duration = Duration::from_secs(10);

/// Three tries before the lease lapses.
const KEEP_ALIVE: Duration = Duration::from_secs(3);

pub struct Ownership {
    store: Store,
    key: String,
    value: Vec<u8>,
    lease: LeaseId,
    keeping: AbortHandle,
}

impl Ownership {
    /// `None` when another node has it. What an earlier life of this very node had is taken over
    /// at once: that process is dead.
    pub async fn take(store: &Store, app: &AppName, node: &str) -> Result<Option<Self>> {
        let key = key::deploy_owner(app);
        let held = store.get::<DeployOwner>(&key).await?;
        let unchanged = match &held {
            Some(Stored { record, .. }) if record.node != node => return Ok(None),
            Some(Stored { revision, .. }) => Compare::unchanged(&key, *revision),
            None => Compare::absent(&key),
        };
        let lease = store.directory.lease_grant(TTL).await?;
        let value = DeployOwner { node: node.to_owned(), session: Ulid::generate() }.encode();
        let take = Txn::always([Op::put_leased(&key, value.clone(), lease)]).when(unchanged);
        if !store.txn(take).await?.succeeded {
            store.directory.lease_revoke(lease).await?;
            return Ok(None);
        }
        let keeping = tokio::spawn(keep(store.clone(), lease)).abort_handle();
        Ok(Some(Self { store: store.clone(), key, value, lease, keeping }))
    }

    /// Holds as long as this is the deploy's owner.
    pub fn fence(&self) -> Compare {
        Compare::value(&self.key, self.value.clone())
    }

    /// Lets another take it at once.
    pub async fn release(self) {
        if let Err(error) = self.store.directory.lease_revoke(self.lease).await {
            tracing::debug!(%error, "a deploy's lease is left to lapse");
        }
    }
}

impl Drop for Ownership {
    fn drop(&mut self) {
        self.keeping.abort();
    }
}

/// Until the lease is gone. A directory that does not answer for a moment is asked again.
async fn keep(store: Store, lease: LeaseId) {
    loop {
        tokio::time::sleep(KEEP_ALIVE).await;
        match store.directory.lease_keepalive(lease).await {
            Err(error) if !error.is_transient() => return,
            _ => {}
        }
    }
}
