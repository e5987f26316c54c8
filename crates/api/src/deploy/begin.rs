//! The beginning of a deploy: everything that it needs, recorded in one transaction.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use roost_api_types::{DeployKind, DeployStatus, ErrorCode};
use roost_app_config::ReleaseMeta;
use roost_directory::{Compare, Op, Txn};
use roost_model::{AppName, ImageRef, MachineId, Service};
use roost_planner::plan;
use roost_records::{
    AppRecord, CarriedOutBy, DeployLock, DeployRecord, ReleaseReason, ReleaseRecord, RolloutRecord, Stored,
    key,
};
use ulid::Ulid;

use super::{
    crash::CrashPoint,
    desired::{config_of, desired, observe},
    run,
    volumes::check_volumes,
};
use crate::{
    addresses,
    api::Api,
    error::{ApiError, Result},
    ports,
    store::{MAX_TRIES, put},
};

/// Deploys that are remembered of each app, for watching and for the list of releases.
pub const KEPT_DEPLOYS: u64 = 50;

/// What is to be deployed.
pub enum Intent {
    /// A new release.
    Release { draft: Box<Draft>, ha: bool },
    /// Other numbers of machines of the current one.
    Scale(BTreeMap<String, u32>),
}

/// A release before it has a version.
#[derive(Clone)]
pub struct Draft {
    pub image: ImageRef,
    pub config: serde_json::Value,
    pub secrets_version: u64,
    pub strategy: String,
    pub reason: ReleaseReason,
    pub message: Option<String>,
    pub created_by: String,
    pub warnings: Vec<String>,
}

/// What was recorded, or with `plan_only` would be.
pub struct Begun {
    pub release: ReleaseRecord,
    pub deploy: DeployRecord,
}

/// Records and starts a deploy.
///
/// # Errors
/// [`ErrorCode::DeployRunning`] while another deploy of the app runs.
pub async fn begin(api: &Arc<Api>, app: &AppName, intent: Intent, plan_only: bool) -> Result<Begun> {
    for _ in 0..MAX_TRIES {
        api.store.check_no_deploy(app).await?;
        let prepared = prepare(api, app, &intent).await?;
        if plan_only {
            return Ok(prepared.begun);
        }
        if matches!(intent, Intent::Release { .. }) {
            addresses::give_first(api, &prepared.app.record).await?;
        }
        ports::claim(api, app, &services(&prepared.begun.release)?).await?;
        if api.store.txn(prepared.transaction()).await?.succeeded {
            CrashPoint::BEGUN.reach();
            let Begun { release, deploy } = &prepared.begun;
            tracing::info!(%app, deploy = deploy.number, release = release.version, "deploy begun");
            run::start(api, app.clone());
            return Ok(prepared.begun);
        }
        // Another deploy or a change of the app came first; the next round sees which.
    }
    Err(ApiError::contended())
}

struct Prepared {
    app: Stored<AppRecord>,
    begun: Begun,
}

async fn prepare(api: &Api, name: &AppName, intent: &Intent) -> Result<Prepared> {
    let mut app = api.store.app(name).await?;
    if app.record.deleting {
        return Err(ApiError::new(ErrorCode::WrongState, format!("app \"{name}\" is being deleted")));
    }
    let (release, kind, ha, warnings) = match intent {
        Intent::Release { draft, ha } => {
            let version = api.store.newest_release(name).await? + 1;
            (release(name, version, draft), DeployKind::Release, *ha, draft.warnings.clone())
        }
        Intent::Scale(counts) => {
            let current = current_release(&app.record)?;
            app.record.counts.extend(counts.clone());
            (api.store.release(name, current).await?, DeployKind::Scale, false, Vec::new())
        }
    };
    let config = config_of(&release)?;
    check_volumes(api, name, &config).await?;
    let observed = observe(api, name).await?;
    let desired = desired(&release, &config, &observed, &app.record.counts, ha);
    let plan = plan(&desired, &observed, MachineId::generate);
    let deploy = DeployRecord {
        app: name.clone(),
        number: api.store.newest_deploy(name).await? + 1,
        kind,
        release: release.version,
        last_good: app.record.current_release,
        status: DeployStatus::Running,
        rollout: RolloutRecord::new(desired, plan),
        return_rollout: None,
        failure: None,
        warnings,
        started_at: Timestamp::now(),
        finished_at: None,
    };
    Ok(Prepared { app, begun: Begun { release, deploy } })
}

fn release(app: &AppName, version: u64, draft: &Draft) -> ReleaseRecord {
    let Draft { image, config, secrets_version, strategy, reason, message, created_by, .. } = draft.clone();
    ReleaseRecord {
        app: app.clone(),
        version,
        id: Ulid::generate(),
        image,
        config,
        secrets_version,
        strategy,
        reason,
        carried_out_by: CarriedOutBy::Platform,
        message,
        created_by,
        created_at: Timestamp::now(),
    }
}

/// Of all process groups.
fn services(release: &ReleaseRecord) -> Result<Vec<Service>> {
    let config = config_of(release)?;
    let meta = ReleaseMeta { id: release.id.to_string(), version: release.version };
    let groups = config.process_groups();
    let machines = groups.iter().map(|group| config.machine_config(&group.name, &release.image, &meta));
    Ok(machines.flat_map(|machine| machine.services).collect())
}

fn current_release(app: &AppRecord) -> Result<u64> {
    app.current_release.ok_or_else(|| {
        let message = format!("app \"{}\" has no release yet; deploy it first: `roost deploy`", app.name);
        ApiError::new(ErrorCode::WrongState, message)
    })
}

impl Prepared {
    /// Holds only if nobody deployed, changed or deleted the app since it was read.
    fn transaction(&self) -> Txn {
        let Begun { release, deploy } = &self.begun;
        let name = &self.app.record.name;
        let lock = DeployLock { number: deploy.number, release: release.version };
        let mut txn = Txn::always([
            put(key::deploy(name, deploy.number), deploy),
            put(key::deploy_lock(name), &lock),
            put(key::app(name), &self.app.record),
        ])
        .when(Compare::unchanged(key::app(name), self.app.revision))
        .when(Compare::absent(key::deploy_lock(name)))
        .when(Compare::absent(key::deploy(name, deploy.number)));
        if deploy.kind == DeployKind::Release {
            let key = key::release(name, release.version);
            txn.success.push(put(&key, release));
            txn = txn.when(Compare::absent(key));
        }
        if let Some(old) = deploy.number.checked_sub(KEPT_DEPLOYS).filter(|old| *old > 0) {
            txn.success.push(Op::delete(key::deploy(name, old)));
        }
        txn
    }
}
