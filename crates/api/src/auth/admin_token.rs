//! The first user and the first token, made at first start. The token lies in a file that only root
//! reads; the CLI finds it there.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use rand::RngCore;
use roost_directory::{Compare, Txn};
use roost_records::{Email, TokenRecord, TokenScope, key};
use ulid::Ulid;

use super::hash;
use crate::{
    error::ApiError,
    store::{Store, put},
};

/// Tells our tokens from others, for people and for secret scanners.
const PREFIX: &str = "roost_";

/// Random bytes of a token: nobody guesses 256 bits.
const RANDOM_BYTES: usize = 32;

#[derive(Debug, thiserror::Error)]
pub enum AdminTokenError {
    #[error("cannot read or write the admin token {path}")]
    Io { path: PathBuf, source: io::Error },
    #[error("the admin token in {0} is empty; remove the file, and a new one is made at the next start")]
    Empty(PathBuf),
    #[error("cannot record the admin token: {0}")]
    Record(ApiError),
}

/// Makes the token if there is no file, or if the one in it was revoked, and sees to it that the
/// directory knows it.
pub async fn ensure_admin_token(store: &Store, path: &Path, owner: &Email) -> Result<(), AdminTokenError> {
    let io = |source| AdminTokenError::Io { path: path.to_owned(), source };
    let mut token = match read(path).map_err(io)? {
        Some(token) if token.is_empty() => return Err(AdminTokenError::Empty(path.to_owned())),
        Some(token) => token,
        None => write_new(path).map_err(io)?,
    };
    let known =
        store.get::<TokenRecord>(&key::token(&hash(&token))).await.map_err(AdminTokenError::Record)?;
    if known.is_some_and(|known| known.record.revoked.is_some()) {
        token = write_new(path).map_err(io)?;
    }
    let record = TokenRecord {
        id: Ulid::generate(),
        name: "admin".to_owned(),
        scope: TokenScope::Admin,
        owner: Some(owner.clone()),
        created_at: Timestamp::now(),
        expires_at: None,
        revoked: None,
    };
    let key = key::token(&hash(&token));
    let recorded = store.txn(Txn::always([put(&key, &record)]).when(Compare::absent(&key))).await;
    recorded.map(drop).map_err(AdminTokenError::Record)
}

/// A token that nobody had before.
pub fn new_token() -> String {
    let mut random = [0; RANDOM_BYTES];
    rand::rng().fill_bytes(&mut random);
    format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(random))
}

fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write_new(path: &Path) -> io::Result<String> {
    let token = new_token();
    let unfinished = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    writeln!(file, "{token}")?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    Ok(token)
}
