//! WireGuard peers and the networks that they join.

use roost_directory::{Compare, Op, Txn};
use roost_model::NetworkId;
use roost_records::{PeerRecord, key};

use super::{MAX_TRIES, Store, next_number, put};
use crate::error::{ApiError, Result};

impl Store {
    /// The org's network of this name, made when it is new.
    pub async fn ensure_network(&self, org: &str, name: &str) -> Result<NetworkId> {
        for _ in 0..MAX_TRIES {
            let (network, conditions, writes) = self.network(org, name).await?;
            if writes.is_empty() {
                return Ok(network);
            }
            let mut txn = Txn::always(writes);
            txn.compares.extend(conditions);
            if self.txn(txn).await?.succeeded {
                return Ok(network);
            }
        }
        Err(ApiError::contended())
    }

    /// Peers of an org, by name.
    pub async fn peers(&self, org: &str) -> Result<Vec<PeerRecord>> {
        let peers = self.list::<PeerRecord>(&key::peers(org)).await?;
        Ok(peers.into_iter().map(|stored| stored.record).collect())
    }

    /// Adds a peer with the next number. `None` when its name is taken.
    pub async fn add_peer(&self, new: impl Fn(u32) -> PeerRecord) -> Result<Option<PeerRecord>> {
        for _ in 0..MAX_TRIES {
            let (number, unchanged, count) = next_number(self, key::PEER_COUNTER).await?;
            let number = u32::try_from(number)
                .map_err(|_| ApiError::internal("all addresses of WireGuard peers have been given out"))?;
            let peer = new(number);
            let key = key::peer(&peer.org, &peer.name);
            let txn = Txn::always([put(&key, &peer), count]).when(unchanged).when(Compare::absent(&key));
            if self.txn(txn).await?.succeeded {
                return Ok(Some(peer));
            }
            if self.get::<PeerRecord>(&key).await?.is_some() {
                return Ok(None);
            }
        }
        Err(ApiError::contended())
    }

    /// Whether there was such a peer.
    pub async fn remove_peer(&self, org: &str, name: &str) -> Result<bool> {
        let key = key::peer(org, name);
        let txn = Txn::always([Op::delete(&key)]).when(Compare::present(&key));
        Ok(self.txn(txn).await?.succeeded)
    }
}
