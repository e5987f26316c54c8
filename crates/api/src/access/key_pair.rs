//! Key pairs that are made when they are first needed, and stay.

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use roost_directory::{Compare, Txn};
use roost_records::KeyPairRecord;
use zeroize::Zeroizing;

use crate::{
    api::Api,
    error::{ApiError, Result},
    store::put,
};

/// The private half.
pub type PrivateKey = Zeroizing<[u8; 32]>;

/// A key pair of the platform.
pub struct KeyPair {
    pub public_key: String,
    pub private_key: PrivateKey,
}

/// The pair under this key of the directory; `new` makes it. Of two that are made at once one stays.
pub async fn ensure(api: &Api, key: &str, new: impl FnOnce() -> Result<KeyPair>) -> Result<KeyPair> {
    if let Some(stored) = api.store.get::<KeyPairRecord>(key).await? {
        return open(api, key, stored.record);
    }
    let made = new()?;
    let record = KeyPairRecord {
        public_key: made.public_key,
        sealed_private_key: api.master_key.seal(key, &made.private_key[..]),
        created_at: Timestamp::now(),
    };
    api.store.txn(Txn::always([put(key, &record)]).when(Compare::absent(key))).await?;
    let stored = api.store.get::<KeyPairRecord>(key).await?;
    open(api, key, stored.ok_or_else(ApiError::contended)?.record)
}

fn open(api: &Api, key: &str, record: KeyPairRecord) -> Result<KeyPair> {
    let opened = api.master_key.open(key, &record.sealed_private_key)?;
    let broken = |_| ApiError::internal(format!("the private key of {key} has a wrong length"));
    let private_key = Zeroizing::new(<[u8; 32]>::try_from(opened.as_slice()).map_err(broken)?);
    Ok(KeyPair { public_key: record.public_key, private_key })
}

/// 32 bytes as WireGuard writes keys.
pub fn wireguard_text(key: &[u8; 32]) -> String {
    BASE64_STANDARD.encode(key)
}
