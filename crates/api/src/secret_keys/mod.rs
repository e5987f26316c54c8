//! Keys that sign, verify, encrypt and decrypt for an app. They are sealed at rest, and never shown.

mod kind;
mod xaes;

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use roost_api_types::{
    Binary, Decrypt, Decrypted, Encrypt, Encrypted, ErrorCode, SecretKey, SecretKeyDeleted, SecretKeyList,
    SecretKeySet, SetSecretKey, Sign, Signed, Verify,
};
use roost_directory::{Compare, Txn};
use roost_model::AppName;
use roost_records::{AppRecord, SecretKeysRecord, StoredKey, key};
use schemars::JsonSchema;
use serde::Deserialize;
use zeroize::Zeroizing;

use self::kind::{Key, KeyError};
use crate::{
    api::Api,
    error::{ApiError, Result},
    http::{AppPath, Body, Params},
    openapi::{Call, Routes, call, get, post},
    store::{MAX_TRIES, put},
};

/// All keys of an app are one value in the directory.
const MAX_KEYS: usize = 500;

/// Longest name of a key.
const MAX_NAME: usize = 255;

/// Longest text that a key is used on: larger things are encrypted where they are.
const MAX_TEXT_BYTES: usize = 64 << 10;

pub fn routes() -> Routes {
    const ALL: &str = "/v1/apps/{app_name}/secretkeys";
    const ONE: &str = "/v1/apps/{app_name}/secretkeys/{secret_name}";
    let older = |call: Call| call.or_fails(&[409]);
    Routes::new()
        .at(ALL, get(older(call("Secretkeys_list", "The secret keys of an app")), list))
        .at(
            ONE,
            get(older(call("Secretkey_get", "What is known of a secret key: never the key")), show)
                .post(call("Secretkey_set", "Keep a key").answers(201), set)
                .delete(call("Secretkey_delete", "Forget a key"), delete),
        )
        .at(&format!("{ONE}/generate"), post(call("Secretkey_generate", "Make a key").answers(201), generate))
        .at(&format!("{ONE}/encrypt"), post(call("Secretkey_encrypt", "Encrypt with a key"), encrypt))
        .at(&format!("{ONE}/decrypt"), post(call("Secretkey_decrypt", "Decrypt with a key"), decrypt))
        .at(&format!("{ONE}/sign"), post(call("Secretkey_sign", "Sign with a key"), sign))
        .at(
            &format!("{ONE}/verify"),
            post(
                call("Secretkey_verify", "Whether a signature is a key's: 400 if it is not").answers(204),
                verify,
            ),
        )
}

#[derive(Deserialize, JsonSchema)]
pub struct ListQuery {
    /// Refuse when the keys are older.
    min_version: Option<u64>,
    /// The same under another name.
    version: Option<u64>,
    /// Only keys of these kinds, separated by commas.
    #[serde(default)]
    types: String,
}

#[derive(Deserialize, JsonSchema)]
pub struct KeysQuery {
    /// Refuse when the keys are older.
    min_version: Option<u64>,
    /// The same under another name.
    version: Option<u64>,
}

pub async fn list(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Params(query): Params<ListQuery>,
) -> Result<Json<SecretKeyList>> {
    let ListQuery { min_version, version, types } = query;
    let record = keys(&api, &app, &KeysQuery { min_version, version }).await?;
    let asked = |kind: &str| types.is_empty() || types.split(',').any(|t| t.trim() == kind);
    let listed = record.keys.iter().filter(|(_, key)| asked(&key.kind));
    Ok(Json(SecretKeyList { secret_keys: listed.map(|(name, key)| shown(name, key)).collect() }))
}

pub async fn show(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Path((_, name)): Path<(String, String)>,
    Params(query): Params<KeysQuery>,
) -> Result<Json<SecretKey>> {
    let record = keys(&api, &app, &query).await?;
    Ok(Json(shown(&name, stored(&record, &app.name, &name)?)))
}

pub async fn set(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Path((_, name)): Path<(String, String)>,
    Body(body): Body<SetSecretKey>,
) -> Result<(StatusCode, Json<SecretKeySet>)> {
    let key = Key::new(body.r#type.parse()?, Zeroizing::new(body.value.0))?;
    Ok((StatusCode::CREATED, Json(keep(&api, &app.name, &name, &key).await?)))
}

pub async fn generate(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Path((_, name)): Path<(String, String)>,
    Body(body): Body<SetSecretKey>,
) -> Result<(StatusCode, Json<SecretKeySet>)> {
    if !body.value.0.is_empty() {
        return Err(ApiError::invalid("value: a key that is generated has none yet; set it instead"));
    }
    let key = Key::generate(body.r#type.parse()?)?;
    Ok((StatusCode::CREATED, Json(keep(&api, &app.name, &name, &key).await?)))
}

pub async fn delete(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Path((_, name)): Path<(String, String)>,
) -> Result<Json<SecretKeyDeleted>> {
    let record = change(&api, &app.name, |record| match record.keys.remove(&name) {
        Some(_) => Ok(()),
        None => Err(no_key(&app.name, &name)),
    });
    Ok(Json(SecretKeyDeleted { version: record.await?.version }))
}

pub async fn encrypt(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Path((_, name)): Path<(String, String)>,
    Params(query): Params<KeysQuery>,
    Body(body): Body<Encrypt>,
) -> Result<Json<Encrypted>> {
    check_length("plaintext", &body.plaintext)?;
    let key = open(&api, &app, &name, &query).await?;
    let ciphertext = Binary(key.encrypt(&body.plaintext.0, &body.associated_data.0)?);
    Ok(Json(Encrypted { ciphertext }))
}

pub async fn decrypt(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Path((_, name)): Path<(String, String)>,
    Params(query): Params<KeysQuery>,
    Body(body): Body<Decrypt>,
) -> Result<Json<Decrypted>> {
    let key = open(&api, &app, &name, &query).await?;
    let plaintext = key.decrypt(&body.ciphertext.0, &body.associated_data.0)?;
    Ok(Json(Decrypted { plaintext: Binary(plaintext.to_vec()) }))
}

pub async fn sign(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Path((_, name)): Path<(String, String)>,
    Params(query): Params<KeysQuery>,
    Body(body): Body<Sign>,
) -> Result<Json<Signed>> {
    check_length("plaintext", &body.plaintext)?;
    let key = open(&api, &app, &name, &query).await?;
    Ok(Json(Signed { signature: Binary(key.sign(&body.plaintext.0)?) }))
}

pub async fn verify(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Path((_, name)): Path<(String, String)>,
    Params(query): Params<KeysQuery>,
    Body(body): Body<Verify>,
) -> Result<StatusCode> {
    check_length("plaintext", &body.plaintext)?;
    let key = open(&api, &app, &name, &query).await?;
    key.verify(&body.plaintext.0, &body.signature.0)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn keys(api: &Api, app: &AppRecord, query: &KeysQuery) -> Result<SecretKeysRecord> {
    let record = api.store.get::<SecretKeysRecord>(&key::secret_keys(&app.name)).await?;
    let record = record.map(|stored| stored.record).unwrap_or_default();
    match query.min_version.max(query.version) {
        Some(least) if record.version < least => Err(ApiError::new(
            ErrorCode::VersionMismatch,
            format!(
                "the secret keys of app \"{}\" are at version {}, older than asked for ({least})",
                app.name, record.version
            ),
        )),
        _ => Ok(record),
    }
}

async fn open(api: &Api, app: &AppRecord, name: &str, query: &KeysQuery) -> Result<Key> {
    let record = keys(api, app, query).await?;
    let stored = stored(&record, &app.name, name)?;
    let bytes = api.master_key.open(&context(&app.name, name), &stored.sealed)?;
    Ok(Key::new(stored.kind.parse()?, bytes)?)
}

async fn keep(api: &Api, app: &AppName, name: &str, key: &Key) -> Result<SecretKeySet> {
    check_name(name)?;
    let public_key = key.public()?.map(|public| BASE64_STANDARD.encode(public));
    let record = change(api, app, |record| {
        if record.keys.len() >= MAX_KEYS && !record.keys.contains_key(name) {
            return Err(ApiError::invalid(format!("app \"{app}\" has {MAX_KEYS} secret keys already")));
        }
        let updated_at = Timestamp::now();
        let created_at = record.keys.get(name).map_or(updated_at, |before| before.created_at);
        let sealed = api.master_key.seal(&context(app, name), key.bytes());
        let (kind, public_key) = (key.kind.to_string(), public_key.clone());
        record.keys.insert(name.to_owned(), StoredKey { kind, sealed, public_key, created_at, updated_at });
        Ok(())
    });
    let record = record.await?;
    Ok(SecretKeySet { key: shown(name, stored(&record, app, name)?), version: record.version })
}

async fn change(
    api: &Api,
    app: &AppName,
    change: impl Fn(&mut SecretKeysRecord) -> Result<()>,
) -> Result<SecretKeysRecord> {
    let key = key::secret_keys(app);
    for _ in 0..MAX_TRIES {
        let before = api.store.get::<SecretKeysRecord>(&key).await?;
        let (mut record, revision) = before.map_or_else(Default::default, |s| (s.record, s.revision));
        change(&mut record)?;
        record.version += 1;
        let txn = Txn::always([put(&key, &record)])
            .when(Compare::unchanged(&key, revision))
            .when(Compare::present(key::app(app)));
        if api.store.txn(txn).await?.succeeded {
            return Ok(record);
        }
        api.store.app(app).await?;
    }
    Err(ApiError::contended())
}

fn stored<'a>(record: &'a SecretKeysRecord, app: &AppName, name: &str) -> Result<&'a StoredKey> {
    record.keys.get(name).ok_or_else(|| no_key(app, name))
}

/// Ciphertext opens only for the app and the name that it was sealed for.
fn context(app: &AppName, name: &str) -> String {
    format!("secret-keys/{app}/{name}")
}

fn check_name(name: &str) -> Result<()> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(allowed) {
        return Err(ApiError::invalid(format!(
            "invalid name of a secret key \"{name}\": it is of letters, digits, '-' and '_', at most {MAX_NAME}"
        )));
    }
    Ok(())
}

fn check_length(what: &str, text: &Binary) -> Result<()> {
    if text.0.len() > MAX_TEXT_BYTES {
        return Err(ApiError::invalid(format!("{what} is longer than {} KiB", MAX_TEXT_BYTES >> 10)));
    }
    Ok(())
}

fn shown(name: &str, key: &StoredKey) -> SecretKey {
    let public = key.public_key.as_ref().and_then(|text| BASE64_STANDARD.decode(text).ok());
    SecretKey {
        name: name.to_owned(),
        r#type: key.kind.clone(),
        public_key: public.map(Binary),
        created_at: key.created_at,
        updated_at: key.updated_at,
    }
}

fn no_key(app: &AppName, name: &str) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("app \"{app}\" has no secret key \"{name}\""))
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::NoBox => Self::new(ErrorCode::Unsupported, error.to_string()),
            KeyError::NoRandomness => Self::internal(error.to_string()),
            _ => Self::invalid(error.to_string()),
        }
    }
}
