//! One deploy from its ownership to its end, and the search for deploys that nobody executes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use roost_api_types::{DeployFailure, DeployKind, DeployStatus, StepState};
use roost_directory::{Compare, Op, Txn};
use roost_model::{AppName, MachineId};
use roost_planner::{Desired, plan};
use roost_records::{AppRecord, DeployLock, DeployRecord, RolloutRecord, Stored, key};

use super::{
    crash::CrashPoint,
    desired::{config_of, desired, observe},
    execute::execute,
    failure::Stop,
    journal::Journal,
    owner::Ownership,
    work::Work,
};
use crate::{
    api::Api,
    apps,
    error::{ApiError, Result},
    store::{MAX_TRIES, put},
};

/// How often is looked for deploys without an executor.
const SEARCH: Duration = Duration::from_secs(5);

/// Starts the app's deploy in the background, unless this process executes it already.
pub fn start(api: &Arc<Api>, app: AppName) {
    let (own, name) = (Arc::clone(api), app.clone());
    api.deployer.start(&app, async move {
        let shutdown = own.shutdown.clone();
        let ended = shutdown.run_until_cancelled(Box::pin(run(&own, &name))).await;
        own.deployer.ended(&name);
        match ended {
            // The next one may have been begun before this one counted as ended.
            Some(Ok(Ended::AtItsEnd)) => {
                if own.store.check_no_deploy(&name).await.is_err() {
                    start(&own, name);
                }
            }
            Some(Ok(Ended::NotOurs)) => {}
            Some(Err(error)) => {
                tracing::warn!(app = %name, %error, "a deploy is interrupted; it will be resumed")
            }
            None => tracing::info!(app = %name, "a deploy is left to the next start"),
        }
    });
}

/// How a try to execute the app's deploy ended.
enum Ended {
    AtItsEnd,
    /// Another api has it, or there is none.
    NotOurs,
}

/// Goes on with what was begun and cut short: deploys and deletions.
pub async fn supervise(api: Arc<Api>) {
    loop {
        if let Err(error) = start_all(&api).await {
            tracing::warn!(%error, "deploys could not be looked for");
        }
        if let Err(error) = apps::finish_deletions(&api).await {
            tracing::debug!(%error, "a deletion is not finished yet");
        }
        if api.shutdown.run_until_cancelled(tokio::time::sleep(SEARCH)).await.is_none() {
            return;
        }
    }
}

async fn start_all(api: &Arc<Api>) -> Result<()> {
    for app in api.store.apps().await? {
        if api.store.get::<DeployLock>(&key::deploy_lock(&app.name)).await?.is_some() {
            start(api, app.name);
        }
    }
    Ok(())
}

async fn run(api: &Arc<Api>, app: &AppName) -> Result<Ended> {
    let owner = Ownership::take(&api.store, app, &api.deployer.node).await?;
    let Some(owner) = owner else { return Ok(Ended::NotOurs) };
    let ended = run_owned(api, app, &owner).await;
    owner.release().await;
    ended
}

async fn run_owned(api: &Arc<Api>, app: &AppName, owner: &Ownership) -> Result<Ended> {
    let lock = api.store.get::<DeployLock>(&key::deploy_lock(app)).await?;
    let Some(Stored { record: lock, .. }) = lock else { return Ok(Ended::NotOurs) };
    let deploy = api.store.deploy(app, lock.number).await?;
    let journal = Journal::open(api.store.clone(), deploy.clone(), owner.fence());
    let running = Running { api, app: api.store.app(app).await?.record, journal };
    match running.to_its_end(deploy.record).await {
        Ok(ended) => finish(api, owner, ended).await.map(|()| Ended::AtItsEnd),
        Err(Stop::Lost) => Ok(Ended::NotOurs),
        Err(Stop::Failed(failure)) => Err(ApiError::internal(failure.message)),
    }
}

struct Running<'a> {
    api: &'a Arc<Api>,
    app: AppRecord,
    journal: Journal,
}

impl Running<'_> {
    /// The record as it is to be written at the end.
    async fn to_its_end(&self, deploy: DeployRecord) -> std::result::Result<DeployRecord, Stop> {
        if deploy.status == DeployStatus::Returning {
            return self.way_back(deploy).await;
        }
        match self.roll_out(deploy.release, &deploy.rollout).await {
            Ok(()) => self.journal.write(|deploy| deploy.status = DeployStatus::Succeeded).await,
            Err(Stop::Lost) => Err(Stop::Lost),
            Err(Stop::Failed(failure)) => self.after_failure(deploy, *failure).await,
        }
    }

    async fn roll_out(&self, version: u64, rollout: &RolloutRecord) -> std::result::Result<(), Stop> {
        let release = self.api.store.release(&self.app.name, version).await;
        let release = release.map_err(|e| Stop::internal(e.message))?;
        let work = Work::prepare(self.api, self.app.clone(), release, self.journal.clone()).await;
        execute(&work.map_err(|e| Stop::internal(e.message))?, rollout).await
    }

    /// Returns to the last good release, if there is one that is another. A first release that fails is
    /// taken away: its machines serve nobody, and would start again and again.
    async fn after_failure(
        &self,
        deploy: DeployRecord,
        failure: DeployFailure,
    ) -> std::result::Result<DeployRecord, Stop> {
        let DeployFailure { code, message, machine, .. } = &failure;
        tracing::warn!(app = %self.app.name, ?code, ?machine, reason = message, "deploy failed");
        let back = match deploy.last_good.filter(|version| *version != deploy.release) {
            Some(version) => Some(self.plan_back(version, &deploy).await?),
            None if deploy.last_good.is_none() => Some(self.plan_away(&deploy).await?),
            None => None,
        };
        let record = move |deploy: &mut DeployRecord| {
            skip_rest(&mut deploy.rollout);
            deploy.failure = Some(failure);
            deploy.status = if back.is_some() { DeployStatus::Returning } else { DeployStatus::Failed };
            deploy.return_rollout = back;
        };
        let deploy = self.journal.write(record).await?;
        if deploy.status == DeployStatus::Failed {
            return Ok(deploy);
        }
        CrashPoint::RETURNING.reach();
        self.way_back(deploy).await
    }

    /// A plan to the release that was good, in the numbers that were wanted of the one that failed.
    async fn plan_back(
        &self,
        version: u64,
        deploy: &DeployRecord,
    ) -> std::result::Result<RolloutRecord, Stop> {
        let internal = |e: ApiError| Stop::internal(e.message);
        let release = self.api.store.release(&self.app.name, version).await.map_err(internal)?;
        let observed = observe(self.api, &self.app.name).await.map_err(internal)?;
        let groups = &deploy.rollout.desired.groups;
        let counts = groups.iter().map(|(name, group)| (name.clone(), group.count)).collect();
        let config = config_of(&release).map_err(internal)?;
        let desired = desired(&release, &config, &observed, &counts, false);
        let plan = plan(&desired, &observed, MachineId::generate);
        Ok(RolloutRecord::new(desired, plan))
    }

    /// A plan to no machines at all.
    async fn plan_away(&self, deploy: &DeployRecord) -> std::result::Result<RolloutRecord, Stop> {
        let observed = observe(self.api, &self.app.name).await.map_err(|e| Stop::internal(e.message))?;
        let desired = Desired { groups: BTreeMap::new(), ..deploy.rollout.desired.clone() };
        let plan = plan(&desired, &observed, MachineId::generate);
        Ok(RolloutRecord::new(desired, plan))
    }

    async fn way_back(&self, deploy: DeployRecord) -> std::result::Result<DeployRecord, Stop> {
        let Some(rollout) = &deploy.return_rollout else {
            return self.journal.write(|deploy| deploy.status = DeployStatus::Failed).await;
        };
        let (version, end, fault) = match deploy.last_good {
            Some(good) => (good, DeployStatus::Returned, "could not be brought back"),
            None => (deploy.release, DeployStatus::Failed, "could not be taken away"),
        };
        match self.roll_out(version, rollout).await {
            Ok(()) => self.journal.write(move |deploy| deploy.status = end).await,
            Err(Stop::Lost) => Err(Stop::Lost),
            Err(Stop::Failed(failure)) => {
                let warning = format!("release v{version} {fault}: {}", failure.message);
                let record = move |deploy: &mut DeployRecord| {
                    if let Some(rollout) = &mut deploy.return_rollout {
                        skip_rest(rollout);
                    }
                    deploy.warnings.push(warning);
                    deploy.status = DeployStatus::Failed;
                };
                self.journal.write(record).await
            }
        }
    }
}

/// What had not ended will not be done.
fn skip_rest(rollout: &mut RolloutRecord) {
    for progress in &mut rollout.progress {
        if matches!(progress.state, StepState::Pending | StepState::Running) {
            progress.state = StepState::Skipped;
        }
    }
}

/// Writes the end: the record, the app's current release, and no lock any more.
async fn finish(api: &Api, owner: &Ownership, mut deploy: DeployRecord) -> Result<()> {
    deploy.finished_at = Some(Timestamp::now());
    let name = deploy.app.clone();
    for _ in 0..MAX_TRIES {
        let Stored { record: mut app, revision, .. } = api.store.app(&name).await?;
        if deploy.status == DeployStatus::Succeeded && deploy.kind == DeployKind::Release {
            app.current_release = Some(deploy.release);
        }
        let writes = [
            put(key::deploy(&name, deploy.number), &deploy),
            put(key::app(&name), &app),
            Op::delete(key::deploy_lock(&name)),
        ];
        let txn = Txn::always(writes).when(owner.fence()).when(Compare::unchanged(key::app(&name), revision));
        if api.store.txn(txn).await?.succeeded {
            CrashPoint::FINISHED.reach();
            let (number, status) = (deploy.number, deploy.status);
            tracing::info!(app = %name, deploy = number, release = deploy.release, ?status, "deploy ended");
            return Ok(());
        }
    }
    Err(ApiError::contended())
}
