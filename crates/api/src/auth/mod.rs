//! Who calls, and what they may do.
//!
//! `authenticate` finds the tokens of a call in the [`Book`] and makes a [`Caller`] of them; `routes` says
//! which right the call needs, `rights` which rights a token has. Calls whose path does not say what they
//! are about ask the [`Caller`] themselves.

mod admin_token;
mod authenticate;
mod book;
mod caller;
mod registry;
mod rights;
pub mod routes;

use roost_api_types::ErrorCode;
use sha2::{Digest, Sha256};

pub use self::{
    admin_token::{AdminTokenError, ensure_admin_token, new_token},
    authenticate::{authenticate, good_tokens},
    book::Book,
    caller::{Caller, MachineIdentity, Who},
    registry::RegistryAuthorizer,
    rights::{AppRight, OrgRight},
};
use crate::error::ApiError;

/// The key under which a token's record is kept: nobody who reads the directory learns a token.
pub fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

fn unauthorized(message: &str) -> ApiError {
    ApiError::new(ErrorCode::Unauthorized, message)
}
