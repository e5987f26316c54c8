//! What carrying out the steps of one release needs.

use std::{sync::Arc, time::Duration};

use roost_app_config::{AppConfig, ReleaseMeta};
use roost_host_api::{HostClient, HostError, HostInfo, MachineSpec, VolumeKeep};
use roost_records::{AppRecord, ReleaseRecord};

use super::{desired::config_of, journal::Journal};
use crate::{api::Api, error::Result, secrets};

/// For a machine to be started and healthy, when the configuration does not say.
const DEFAULT_WAIT: Duration = Duration::from_secs(300);

/// How long a host that does not answer holds a step up; it may be restarting.
const HOST_PATIENCE: Duration = Duration::from_secs(60);

const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(2);

pub struct Work {
    pub api: Arc<Api>,
    pub app: AppRecord,
    pub release: ReleaseRecord,
    pub config: AppConfig,
    pub host: HostClient,
    pub host_info: HostInfo,
    pub journal: Journal,
    /// The release's secrets, sealed to the host.
    sealed_secrets: Option<String>,
    /// For each machine, to be started and to be healthy.
    pub wait: Duration,
}

impl Work {
    pub async fn prepare(
        api: &Arc<Api>,
        app: AppRecord,
        release: ReleaseRecord,
        journal: Journal,
    ) -> Result<Self> {
        let config = config_of(&release)?;
        let (host, host_info) =
            retried(|| api.hosts.place(None), |error| error.code.http_status() == 504).await?;
        let secrets = api.store.secrets(&app.name, release.secrets_version).await?;
        let sealed_secrets = secrets::seal_for_host(api, &secrets, &host_info)?;
        let wait = config.deploy.wait_timeout.map_or(DEFAULT_WAIT, |seconds| seconds.0);
        Ok(Self {
            api: Arc::clone(api),
            app,
            release,
            config,
            host,
            host_info,
            journal,
            sealed_secrets,
            wait,
        })
    }

    /// What a machine of the group is made from.
    pub fn spec(&self, group: &str) -> MachineSpec {
        let meta = ReleaseMeta { id: self.release.id.to_string(), version: self.release.version };
        MachineSpec {
            config: self.config.machine_config(group, &self.release.image, &meta),
            image: self.release.image.clone(),
            sealed_secrets: self.sealed_secrets.clone(),
            secrets_version: self.release.secrets_version,
        }
    }

    /// How the snapshots of volumes are kept that are made along with a machine of the group.
    pub fn volume_keep(&self, group: &str) -> VolumeKeep {
        let mount = self.config.mount(group);
        VolumeKeep {
            snapshot_retention_days: mount.and_then(|mount| mount.snapshot_retention),
            scheduled_snapshots: mount.and_then(|mount| mount.scheduled_snapshots),
        }
    }

    /// A call of the host. Calls of a deploy may be repeated, so it does not matter whether one that
    /// was not answered had been carried out.
    pub async fn call<T, F>(&self, call: impl Fn() -> F) -> std::result::Result<T, HostError>
    where
        F: Future<Output = std::result::Result<T, HostError>>,
    {
        retried(call, no_answer).await
    }
}

/// The host did not answer; it may soon.
fn no_answer(error: &HostError) -> bool {
    matches!(error, HostError::Unreachable { .. } | HostError::Broken(_) | HostError::Silent { .. })
}

async fn retried<T, E, F>(call: impl Fn() -> F, may_pass: impl Fn(&E) -> bool) -> std::result::Result<T, E>
where
    F: Future<Output = std::result::Result<T, E>>,
{
    let began = tokio::time::Instant::now();
    let mut pause = FIRST_RETRY;
    loop {
        match call().await {
            Err(error) if may_pass(&error) && began.elapsed() < HOST_PATIENCE => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_RETRY);
            }
            result => return result,
        }
    }
}
