//! Leases: whoever holds one is the only one who may change the machine.

use std::time::Duration;

use jiff::Timestamp;
use rand::RngCore;
use roost_host_api::{ErrorBody, ErrorCode, Lease, LeaseRequest};

use super::Owner;
use crate::{context::refuse, record::LeaseRecord};

/// A forgotten lease must not lock a machine for good.
const MAX_TTL_SECS: u32 = 24 * 3600;

impl Owner {
    pub(super) async fn take_lease(&mut self, request: LeaseRequest) -> Result<Lease, ErrorBody> {
        self.check_lease(request.nonce.as_deref())?;
        if request.nonce.is_some() && self.current_lease().is_none() {
            return Err(self.no_lease());
        }
        let lease = new_lease(request);
        self.commit(None, |record| record.lease = Some(lease)).await?;
        self.lease()
    }

    pub(super) fn lease(&self) -> Result<Lease, ErrorBody> {
        let lease = self.current_lease().ok_or_else(|| self.no_lease())?;
        Ok(Lease {
            nonce: lease.nonce.clone(),
            expires_at: lease.expires_at,
            owner: lease.owner.clone(),
            description: lease.description.clone(),
            version: self.record.instance_id.to_string(),
        })
    }

    pub(super) async fn release_lease(&mut self, nonce: &str) -> Result<(), ErrorBody> {
        if self.current_lease().is_none() {
            return Err(self.no_lease());
        }
        self.check_lease(Some(nonce))?;
        self.commit(None, |record| record.lease = None).await.map(drop)
    }

    /// Whoever has no lease, or another's, may change nothing while one is held.
    pub(super) fn check_lease(&self, nonce: Option<&str>) -> Result<(), ErrorBody> {
        match self.current_lease() {
            Some(lease) if nonce != Some(&lease.nonce) => {
                let LeaseRecord { owner, expires_at, .. } = lease;
                let id = &self.record.id;
                let text = format!(
                    "lease currently held by {owner} on machine {id}, until {expires_at}; try again then"
                );
                Err(refuse(ErrorCode::LeaseHeld, text))
            }
            _ => Ok(()),
        }
    }

    fn current_lease(&self) -> Option<&LeaseRecord> {
        self.record.lease.as_ref().filter(|lease| lease.expires_at > Timestamp::now())
    }

    fn no_lease(&self) -> ErrorBody {
        refuse(ErrorCode::LeaseNotFound, format!("lease not found: machine {} has none", self.record.id))
    }
}

/// A lease from now on; a refreshed one keeps its nonce.
pub fn new_lease(request: LeaseRequest) -> LeaseRecord {
    let ttl = Duration::from_secs(request.ttl_secs.clamp(1, MAX_TTL_SECS).into());
    LeaseRecord {
        nonce: request.nonce.unwrap_or_else(new_nonce),
        expires_at: Timestamp::now() + ttl,
        owner: request.owner,
        description: request.description,
    }
}

fn new_nonce() -> String {
    let mut bytes = [0u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
