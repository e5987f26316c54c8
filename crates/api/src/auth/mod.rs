//! Who calls: tokens, and the first of them.

mod admin_token;
mod authenticate;
mod registry;

use roost_api_types::ErrorCode;
use roost_directory::Directory;
use roost_records::{Record, TokenRecord, key};
use sha2::{Digest, Sha256};

pub use self::{
    admin_token::{AdminTokenError, ensure_admin_token, make_private_folder},
    authenticate::{Caller, authenticate},
    registry::RegistryAuthorizer,
};
use crate::error::{ApiError, Result};

/// The key under which a token's record is kept: nobody who reads the directory learns a token.
fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// The record of a token that is known and has not expired.
async fn verify(directory: &dyn Directory, token: &str) -> Result<TokenRecord> {
    let kv = directory.get(&key::token(&hash(token))).await?;
    let record = kv.as_ref().map(TokenRecord::decode).transpose()?;
    let expired = |record: &TokenRecord| record.expires_at.is_some_and(|at| at <= jiff::Timestamp::now());
    record.filter(|record| !expired(record)).ok_or_else(|| {
        unauthorized(
            "the API token is not known here, or has expired; set ROOST_API_TOKEN to one of this server",
        )
    })
}

fn unauthorized(message: &str) -> ApiError {
    ApiError::new(ErrorCode::Unauthorized, message)
}
