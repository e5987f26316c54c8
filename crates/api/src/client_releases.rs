//! Releases that a client carries out itself, machine by machine, as flyctl does: the api records
//! them in the same list as its own, and what the client says about how far it is.
//!
//! Not responsible for the machines: the client changes them through the Machines API.

use std::sync::Arc;

use jiff::Timestamp;
use roost_api_types::ErrorCode;
use roost_directory::{Compare, Txn};
use roost_model::{AppName, ImageRef};
use roost_records::{
    CarriedOutBy, ClientRollout, ClientStatus, ReleaseId, ReleaseReason, ReleaseRecord, Stored, key,
};
use ulid::Ulid;

use crate::{
    api::Api,
    auth::Caller,
    error::{ApiError, Result},
    images,
    store::{MAX_TRIES, Store, put},
};

/// What a client is about to carry out.
pub struct Draft {
    pub image: ImageRef,
    /// fly.toml as JSON, kept whole.
    pub definition: serde_json::Value,
    pub strategy: String,
}

/// Makes the app's next release, pending.
///
/// # Errors
/// [`ErrorCode::DeployRunning`] while the platform itself brings the app to a release.
pub async fn create(api: &Arc<Api>, caller: &Caller, app: &AppName, draft: Draft) -> Result<ReleaseRecord> {
    api.store.check_no_deploy(app).await?;
    let image = images::resolve_for(api, caller, &draft.image).await?.image;
    for _ in 0..MAX_TRIES {
        let Stored { record: app, revision, .. } = api.store.app(app).await?;
        if app.deleting {
            let message = format!("app \"{}\" is being deleted", app.name);
            return Err(ApiError::new(ErrorCode::WrongState, message));
        }
        let release = ReleaseRecord {
            version: api.store.newest_release(&app.name).await? + 1,
            id: Ulid::generate(),
            image: image.clone(),
            config: draft.definition.clone(),
            secrets_version: api.store.newest_secrets(&app.name).await?.version,
            strategy: draft.strategy.clone(),
            reason: ReleaseReason::Deploy,
            carried_out_by: CarriedOutBy::Client,
            message: None,
            created_by: caller.name.clone(),
            created_at: Timestamp::now(),
            app: app.name,
        };
        let unchanged = Compare::unchanged(key::app(&release.app), revision);
        if api.store.txn(recording(&release).when(unchanged)).await?.succeeded {
            tracing::info!(app = %release.app, release = release.version, "a client begins a release");
            return Ok(release);
        }
        api.store.check_no_deploy(&release.app).await?;
    }
    Err(ApiError::contended())
}

fn recording(release: &ReleaseRecord) -> Txn {
    let ReleaseRecord { app, version, id, created_at, .. } = release;
    let rollout = ClientRollout { status: ClientStatus::Pending, updated_at: *created_at, error: None };
    let release_key = key::release(app, *version);
    Txn::always([
        put(&release_key, release),
        put(key::client_rollout(app, *version), &rollout),
        put(key::release_id(id), &ReleaseId { app: app.clone(), version: *version }),
    ])
    .when(Compare::absent(release_key))
    .when(Compare::absent(key::deploy_lock(app)))
}

/// Records how far the client is. A release that is complete becomes the app's current one, unless a
/// later one is already. Saying the same again changes nothing.
///
/// # Errors
/// [`ErrorCode::WrongState`] when the release has ended otherwise.
pub async fn report(
    store: &Store,
    release: &ReleaseRecord,
    status: ClientStatus,
    error: Option<String>,
) -> Result<()> {
    let (name, version) = (&release.app, release.version);
    for _ in 0..MAX_TRIES {
        let before = store.client_rollout(name, version).await?;
        if before.record.status == status {
            return Ok(());
        }
        if before.record.status.is_end() {
            let message = format!("release v{version} of app \"{name}\" has ended already");
            return Err(ApiError::new(ErrorCode::WrongState, message));
        }
        let Stored { record: mut app, revision, .. } = store.app(name).await?;
        let rollout_key = key::client_rollout(name, version);
        let rollout = ClientRollout { status, updated_at: Timestamp::now(), error: error.clone() };
        let mut txn = Txn::always([put(&rollout_key, &rollout)])
            .when(Compare::unchanged(&rollout_key, before.revision))
            .when(Compare::unchanged(key::app(name), revision));
        if status == ClientStatus::Complete && app.current_release.is_none_or(|current| current < version) {
            app.current_release = Some(version);
            txn.success.push(put(key::app(name), &app));
        }
        if store.txn(txn).await?.succeeded {
            tracing::info!(app = %name, release = version, ?status, "a client says how far a release is");
            return Ok(());
        }
    }
    Err(ApiError::contended())
}

/// The release that an id names, if a client carries it out.
pub async fn by_id(store: &Store, id: &str) -> Result<ReleaseRecord> {
    let missing = || ApiError::new(ErrorCode::ReleaseNotFound, format!("there is no release with id {id}"));
    let id: Ulid = id.parse().map_err(|_| missing())?;
    let named = store.get::<ReleaseId>(&key::release_id(&id)).await?.ok_or_else(missing)?.record;
    store.release(&named.app, named.version).await
}
