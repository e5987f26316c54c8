//! App secrets: sealed as they come in, opened only to be sealed to a host.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::StatusCode,
};
use jiff::Timestamp;
use roost_api_types::{
    DeployAnswer, ErrorCode, Secret, SecretDeleted, SecretList, SecretSet, SecretsUpdated, SetSecret,
    UpdateSecrets,
};
use roost_host_api::HostInfo;
use roost_model::AppName;
use roost_records::{AppRecord, SecretsRecord, StoredSecret};
use roost_seal::HostKey;
use schemars::JsonSchema;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{
    api::Api,
    auth::Caller,
    error::{ApiError, Result},
    http::{AppPath, Body, Params},
    openapi::{Call, Routes, call, get, post},
    releases,
};

/// Linux takes no longer environment entry than 128 KiB, and half of that is plenty.
const MAX_VALUE_BYTES: usize = 64 << 10;

/// All secrets of an app are one value in the directory, whose values have at most 1 MiB; sealed
/// and in base64 they are about a third longer.
const MAX_TOTAL_BYTES: usize = 512 << 10;

pub fn routes() -> Routes {
    let older = |call: Call| call.or_fails(&[409]);
    Routes::new()
        .at(
            "/v1/apps/{app_name}/secrets",
            get(older(call("Secrets_list", "The names of an app's secrets")), list)
                .post(call("Secrets_update", "Set and remove secrets"), update),
        )
        .at(
            "/v1/apps/{app_name}/secrets/deploy",
            post(call("Secrets_deploy", "Give staged secrets to the app's machines, by a release"), deploy),
        )
        .at(
            "/v1/apps/{app_name}/secrets/{secret_name}",
            get(older(call("Secret_get", "A secret, without its value")), show)
                .post(call("Secret_create", "Set a secret").answers(201), set)
                .delete(call("Secret_delete", "Remove a secret"), unset),
        )
}

#[derive(Deserialize, JsonSchema)]
pub struct SecretsQuery {
    /// Refuse when the secrets are older.
    min_version: Option<u64>,
    /// The same under another name.
    version: Option<u64>,
    #[serde(default)]
    show_secrets: bool,
}

impl SecretsQuery {
    fn check(&self, newest: &SecretsRecord) -> Result<()> {
        if self.show_secrets {
            return Err(ApiError::new(
                ErrorCode::Forbidden,
                "show_secrets: values are never shown again; the app's machines have them in their environment",
            ));
        }
        at_least(newest, self.min_version.max(self.version))
    }
}

/// The newest secrets are of this version or later.
pub fn at_least(newest: &SecretsRecord, version: Option<u64>) -> Result<()> {
    match version {
        Some(least) if newest.version < least => Err(ApiError::new(
            ErrorCode::VersionMismatch,
            format!(
                "the secrets of app \"{}\" are at version {}, older than asked for ({least})",
                newest.app, newest.version
            ),
        )),
        _ => Ok(()),
    }
}

pub async fn list(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Params(query): Params<SecretsQuery>,
) -> Result<Json<SecretList>> {
    let newest = api.store.newest_secrets(&app.name).await?;
    query.check(&newest)?;
    let deployed_version = match app.current_release {
        Some(version) => api.store.release(&app.name, version).await?.secrets_version,
        None => 0,
    };
    Ok(Json(SecretList { version: newest.version, secrets: shown(&newest), deployed_version }))
}

pub async fn show(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Path((_, name)): Path<(String, String)>,
    Params(query): Params<SecretsQuery>,
) -> Result<Json<Secret>> {
    let newest = api.store.newest_secrets(&app.name).await?;
    query.check(&newest)?;
    let secret = shown(&newest).into_iter().find(|secret| secret.name == name);
    secret.map(Json).ok_or_else(|| no_secret(&app.name, &name))
}

pub async fn update(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    AppPath(app): AppPath,
    Body(body): Body<UpdateSecrets>,
) -> Result<Json<SecretsUpdated>> {
    if body.deploy {
        api.store.check_no_deploy(&app.name).await?;
    }
    let next = store(&api, &app, &body.values).await?;
    let deploy = match app.current_release {
        Some(current) if body.deploy => releases::deploy_secrets(&api, &caller, &app, current).await?.deploy,
        _ => None,
    };
    Ok(Json(SecretsUpdated { secrets: shown(&next), version: next.version, deploy }))
}

pub async fn set(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Path((_, name)): Path<(String, String)>,
    Body(body): Body<SetSecret>,
) -> Result<(StatusCode, Json<SecretSet>)> {
    let next = store(&api, &app, &BTreeMap::from([(name.clone(), Some(body.value))])).await?;
    let secret = shown(&next).into_iter().find(|secret| secret.name == name);
    let secret = secret.ok_or_else(|| no_secret(&app.name, &name))?;
    Ok((StatusCode::CREATED, Json(SecretSet { secret, version: next.version })))
}

pub async fn unset(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Path((_, name)): Path<(String, String)>,
) -> Result<Json<SecretDeleted>> {
    let newest = api.store.newest_secrets(&app.name).await?;
    if !newest.secrets.contains_key(&name) {
        return Err(no_secret(&app.name, &name));
    }
    let next = store(&api, &app, &BTreeMap::from([(name, None)])).await?;
    Ok(Json(SecretDeleted { version: next.version }))
}

/// Gives staged secrets to the app's machines, by a release.
pub async fn deploy(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    AppPath(app): AppPath,
) -> Result<Json<DeployAnswer>> {
    let current = app.current_release.ok_or_else(|| {
        let message =
            format!("app \"{}\" has no release yet; its first deploy takes the secrets along", app.name);
        ApiError::new(ErrorCode::WrongState, message)
    })?;
    Ok(Json(releases::deploy_secrets(&api, &caller, &app, current).await?))
}

/// Sealed for a host: base64 of a sealed JSON object; `None` when there are none.
pub fn seal_for_host(api: &Api, secrets: &SecretsRecord, host: &HostInfo) -> Result<Option<String>> {
    if secrets.secrets.is_empty() {
        return Ok(None);
    }
    let host_key: HostKey = host.sealing_key.parse()?;
    let mut open: BTreeMap<&str, Zeroizing<String>> = BTreeMap::new();
    for (name, secret) in &secrets.secrets {
        let value = api.master_key.open(&context(&secrets.app, name), &secret.sealed)?;
        let value =
            String::from_utf8(value.to_vec()).map_err(|_| ApiError::internal("a secret is no text"))?;
        open.insert(name, Zeroizing::new(value));
    }
    let open: BTreeMap<&str, &str> = open.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let json = Zeroizing::new(serde_json::to_vec(&open).map_err(|e| ApiError::internal(e.to_string()))?);
    Ok(Some(host_key.seal(&json)))
}

/// Makes the next version: a text sets, `None` removes. Equal values change nothing.
async fn store(
    api: &Api,
    app: &AppRecord,
    values: &BTreeMap<String, Option<String>>,
) -> Result<SecretsRecord> {
    for (name, value) in values {
        check(name, value.as_deref())?;
    }
    api.store
        .update_secrets(&app.name, |record| {
            for (name, value) in values {
                change(api, record, name, value.as_deref());
            }
            let total: usize = record.secrets.values().map(|secret| secret.sealed.len()).sum();
            if total > MAX_TOTAL_BYTES {
                return Err(ApiError::invalid(format!(
                    "the secrets of app \"{}\" are larger than {} KiB together",
                    app.name,
                    MAX_TOTAL_BYTES >> 10
                )));
            }
            Ok(())
        })
        .await
}

fn change(api: &Api, record: &mut SecretsRecord, name: &str, value: Option<&str>) {
    let Some(value) = value else {
        record.secrets.remove(name);
        return;
    };
    let context = context(&record.app, name);
    let digest = api.master_key.digest(&context, value.as_bytes());
    let before = record.secrets.get(name);
    if before.is_some_and(|secret| secret.digest == digest) {
        return;
    }
    let updated_at = Timestamp::now();
    let created_at = before.map_or(updated_at, |secret| secret.created_at);
    let sealed = api.master_key.seal(&context, value.as_bytes());
    record.secrets.insert(name.to_owned(), StoredSecret { sealed, digest, created_at, updated_at });
}

/// Ciphertext opens only for the app and the name that it was sealed for.
fn context(app: &AppName, name: &str) -> String {
    format!("secrets/{app}/{name}")
}

fn check(name: &str, value: Option<&str>) -> Result<()> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if name.is_empty() || name.as_bytes()[0].is_ascii_digit() || !name.bytes().all(word) || name.len() > 255 {
        return Err(ApiError::invalid(format!(
            "invalid secret name \"{name}\": it is the name of an environment variable, of letters, digits and '_'"
        )));
    }
    let value = value.unwrap_or_default();
    if value.len() > MAX_VALUE_BYTES {
        return Err(ApiError::invalid(format!(
            "the secret {name} is longer than {} KiB",
            MAX_VALUE_BYTES >> 10
        )));
    }
    if value.contains('\0') {
        return Err(ApiError::invalid(format!(
            "the secret {name} has a zero byte; encode it, for example in base64"
        )));
    }
    Ok(())
}

fn shown(record: &SecretsRecord) -> Vec<Secret> {
    let secret = |(name, stored): (&String, &StoredSecret)| Secret {
        name: name.clone(),
        digest: stored.digest.clone(),
        created_at: stored.created_at,
        updated_at: stored.updated_at,
    };
    record.secrets.iter().map(secret).collect()
}

fn no_secret(app: &AppName, name: &str) -> ApiError {
    ApiError::new(
        ErrorCode::NotFound,
        format!("app \"{app}\" has no secret {name}; `roost secrets list -a {app}`"),
    )
}
