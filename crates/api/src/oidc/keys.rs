//! The signing keys: made when first needed, replaced each month, published before they sign and for as
//! long as something that they signed may be good.
//!
//! ```text
//!  key 1  made ──────────── signs ────────────┬─ still published ─┐ forgotten
//!  key 2                           made, published ──┴──────────── signs …
//! ```

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use roost_directory::{Compare, Op, Txn};
use roost_records::{IdentityKeyRecord, key};
use roost_seal::MasterKey;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    api::Api,
    error::{ApiError, Result},
    store::{Store, put},
};

/// A key signs for about a month.
const ROTATE_AFTER: Duration = Duration::from_secs(30 * 24 * 3600);

/// A new key is published for so long before it signs: those who check tokens keep the set for a while.
const PUBLISH_AHEAD: Duration = Duration::from_secs(24 * 3600);

/// How long an old one stays published after its last signature; tokens live minutes.
const PUBLISH_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Between two looks at the keys.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);

/// A prefix of the public point's hash names a key.
const KID_CHARS: usize = 16;

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("no key to sign machines' identities with: {0}")]
    Api(#[from] ApiError),
    #[error("a key that signs machines' identities can not be used")]
    Unusable,
}

/// The keys of now, oldest first.
pub struct IdentityKeys {
    keys: RwLock<Arc<Vec<Key>>>,
}

struct Key {
    kid: String,
    pair: EcdsaKeyPair,
    created_at: Timestamp,
}

impl IdentityKeys {
    pub async fn open(store: &Store, master: &MasterKey) -> Result<Self, KeyError> {
        let keys = Self { keys: RwLock::default() };
        keys.look(store, master, Timestamp::now()).await?;
        Ok(keys)
    }

    /// Signs claims: a JWT (RFC 7519), ES256.
    pub fn sign(&self, claims: &Value) -> Result<String, KeyError> {
        let keys = Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner));
        let times: Vec<Timestamp> = keys.iter().map(|key| key.created_at).collect();
        let key = signer(&times, Timestamp::now()).map(|at| &keys[at]).ok_or(KeyError::Unusable)?;
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({ "alg": "ES256", "kid": key.kid, "typ": "JWT" });
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature =
            key.pair.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_| KeyError::Unusable)?;
        Ok(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }

    /// What those who check tokens are told (RFC 7517).
    pub fn published(&self) -> Value {
        let keys = Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner));
        let jwk = |key: &Key| {
            // Uncompressed: 4, x, y.
            let (x, y) = key.pair.public_key().as_ref()[1..].split_at(32);
            let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
            json!({
                "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig",
                "kid": key.kid, "x": text(x), "y": text(y),
            })
        };
        json!({ "keys": keys.iter().map(jwk).collect::<Vec<_>>() })
    }

    /// Makes and forgets keys as their time comes, and takes up what other apis made.
    async fn look(&self, store: &Store, master: &MasterKey, now: Timestamp) -> Result<(), KeyError> {
        let mut records = read(store).await?;
        if records.last().is_none_or(|newest| newest.created_at + ROTATE_AFTER <= now) {
            add(store, master, now).await?;
            records = read(store).await?;
        }
        let times: Vec<Timestamp> = records.iter().map(|record| record.created_at).collect();
        for record in records.drain(..forgotten(&times, now)) {
            store.txn(Txn::always([Op::delete(key::identity_key(&record.kid))])).await?;
        }
        let keys = records.iter().map(|record| open(master, record)).collect::<Result<Vec<_>, _>>()?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        Ok(())
    }
}

pub async fn keep_rotating(api: Arc<Api>) {
    while api.shutdown.run_until_cancelled(tokio::time::sleep(LOOK_AGAIN)).await.is_some() {
        if let Err(error) = api.identity_keys.look(&api.store, &api.master_key, Timestamp::now()).await {
            tracing::warn!(%error, "the keys of machines' identities could not be looked at");
        }
    }
}

/// The newest one that has been published long enough; the first one has nobody before it.
fn signer(times: &[Timestamp], now: Timestamp) -> Option<usize> {
    let ready = times.iter().rposition(|at| *at + PUBLISH_AHEAD <= now);
    ready.or((!times.is_empty()).then_some(0))
}

/// How many of the oldest are of no use any more: their successor has signed for long enough.
fn forgotten(times: &[Timestamp], now: Timestamp) -> usize {
    times.iter().skip(1).filter(|next| **next + PUBLISH_AHEAD + PUBLISH_AFTER <= now).count()
}

async fn read(store: &Store) -> Result<Vec<IdentityKeyRecord>> {
    let records = store.list::<IdentityKeyRecord>(key::IDENTITY_KEYS).await?;
    let mut records: Vec<_> = records.into_iter().map(|stored| stored.record).collect();
    records.sort_by_key(|record| record.created_at);
    Ok(records)
}

async fn add(store: &Store, master: &MasterKey, now: Timestamp) -> Result<(), KeyError> {
    let unusable = |_| KeyError::Unusable;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    let pkcs8 = pkcs8.map_err(unusable)?;
    let kid = kid(&pair(pkcs8.as_ref())?);
    let sealed = master.seal(&context(&kid), pkcs8.as_ref());
    let record = IdentityKeyRecord { kid: kid.clone(), sealed, created_at: now };
    let key = key::identity_key(&kid);
    store.txn(Txn::always([put(&key, &record)]).when(Compare::absent(&key))).await?;
    tracing::info!(kid, "a key for machines' identities was made");
    Ok(())
}

fn open(master: &MasterKey, record: &IdentityKeyRecord) -> Result<Key, KeyError> {
    let pkcs8 = master.open(&context(&record.kid), &record.sealed).map_err(ApiError::from)?;
    Ok(Key { kid: record.kid.clone(), pair: pair(&pkcs8)?, created_at: record.created_at })
}

fn pair(pkcs8: &[u8]) -> Result<EcdsaKeyPair, KeyError> {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &SystemRandom::new())
        .map_err(|_| KeyError::Unusable)
}

fn kid(pair: &EcdsaKeyPair) -> String {
    hex::encode(Sha256::digest(pair.public_key().as_ref()))[..KID_CHARS].to_owned()
}

fn context(kid: &str) -> String {
    format!("identity-key/{kid}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_published_before_it_signs_and_after() {
        let start = Timestamp::now();
        let day = |n: u64| start + Duration::from_secs(n * 24 * 3600);
        assert_eq!(signer(&[], start), None);
        assert_eq!(signer(&[start], start), Some(0));
        let two = [start, day(30)];
        assert_eq!((signer(&two, day(30)), forgotten(&two, day(30))), (Some(0), 0));
        assert_eq!((signer(&two, day(31)), forgotten(&two, day(31))), (Some(1), 0));
        assert_eq!((signer(&two, day(32)), forgotten(&two, day(32))), (Some(1), 1));
    }
}
