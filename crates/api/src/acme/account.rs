//! The platform's account at each authority: made once, its key sealed at rest.

use std::{collections::HashMap, path::Path};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use instant_acme::{Account, AccountBuilder, AccountCredentials, ExternalAccountKey, NewAccount};
use jiff::Timestamp;
use roost_directory::{Compare, Txn};
use roost_records::{AcmeAccountRecord, key};
use tokio::sync::Mutex;

use super::{config::Authority, failure::IssueError};
use crate::{api::Api, error::ApiError, store::put};

/// Accounts in use, by authority.
#[derive(Default)]
pub struct Accounts(Mutex<HashMap<String, Account>>);

/// The account at `authority`; made at the first use.
pub async fn open(api: &Api, authority: &Authority) -> Result<Account, IssueError> {
    let mut accounts = api.acme.accounts.0.lock().await;
    if let Some(account) = accounts.get(&authority.name) {
        return Ok(account.clone());
    }
    let key = key::acme_account(&authority.name);
    let stored = api.store.get::<AcmeAccountRecord>(&key).await?;
    let account = match stored.filter(|stored| stored.record.directory == authority.directory) {
        Some(stored) => restore(api, authority, &stored.record).await?,
        None => create(api, authority).await?,
    };
    accounts.insert(authority.name.clone(), account.clone());
    Ok(account)
}

async fn restore(
    api: &Api,
    authority: &Authority,
    record: &AcmeAccountRecord,
) -> Result<Account, IssueError> {
    let opened = api.master_key.open(&key::acme_account(&authority.name), &record.sealed);
    let credentials: AccountCredentials = serde_json::from_slice(&opened.map_err(ApiError::from)?)
        .map_err(|_| ApiError::internal("the account at an authority can not be read"))?;
    let account = builder(authority)?.from_credentials(credentials).await;
    account.map_err(|error| IssueError::of(&authority.name, error))
}

async fn create(api: &Api, authority: &Authority) -> Result<Account, IssueError> {
    let contact = api.config.acme.email.as_ref().map(|email| format!("mailto:{email}"));
    let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
    let new = NewAccount {
        contact: &contact,
        terms_of_service_agreed: api.config.acme.accept_terms,
        only_return_existing: false,
    };
    let external = external_key(authority)?;
    let made = builder(authority)?.create(&new, authority.directory.clone(), external.as_ref()).await;
    let (account, credentials) = made.map_err(|error| IssueError::of(&authority.name, error))?;
    let json = serde_json::to_vec(&credentials)
        .map_err(|_| ApiError::internal("the account at an authority can not be kept"))?;
    let key = key::acme_account(&authority.name);
    let record = AcmeAccountRecord {
        directory: authority.directory.clone(),
        sealed: api.master_key.seal(&key, &json),
        created_at: Timestamp::now(),
    };
    let before = api.store.get::<AcmeAccountRecord>(&key).await?.map_or(0, |stored| stored.revision);
    let txn = Txn::always([put(&key, &record)]).when(Compare::unchanged(&key, before));
    api.store.txn(txn).await?;
    tracing::info!(authority = authority.name, "an account was made at an authority");
    Ok(account)
}

fn builder(authority: &Authority) -> Result<AccountBuilder, IssueError> {
    let builder = match &authority.root {
        Some(root) => Account::builder_with_root(root),
        None => Account::builder(),
    };
    builder.map_err(|error| IssueError::of(&authority.name, error))
}

fn external_key(authority: &Authority) -> Result<Option<ExternalAccountKey>, IssueError> {
    let (Some(id), Some(file)) = (&authority.external_account, &authority.external_key_file) else {
        return Ok(None);
    };
    let unreadable = |detail: String| IssueError::Unreachable { authority: authority.name.clone(), detail };
    let key = read_key(file).map_err(unreadable)?;
    Ok(Some(ExternalAccountKey::new(id.clone(), &key)))
}

fn read_key(file: &Path) -> Result<Vec<u8>, String> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let key = BASE64_URL_SAFE_NO_PAD.decode(text.trim().trim_end_matches('='));
    key.map_err(|_| format!("{} does not hold base64 for URLs", file.display()))
}
