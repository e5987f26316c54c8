//! How releases stand, whoever carries them out: the platform in a deploy, or a client that changes
//! the machines itself. One list, one set of words.

use std::collections::HashMap;

use roost_api_types::{DeployKind, DeployStatus};
use roost_model::AppName;
use roost_records::{CarriedOutBy, ClientStatus, ReleaseRecord};

use crate::{api::Api, error::Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// By the platform: the status of its deploy.
    Deploy(DeployStatus),
    Client(ClientStatus),
}

impl Standing {
    /// A deploy that is forgotten ended long ago; later releases came after it.
    const FORGOTTEN: Self = Self::Deploy(DeployStatus::Succeeded);

    /// In the words of clients that carry releases out.
    pub fn client_status(self) -> ClientStatus {
        match self {
            Self::Client(status) => status,
            Self::Deploy(DeployStatus::Running | DeployStatus::Returning) => ClientStatus::Running,
            Self::Deploy(DeployStatus::Succeeded) => ClientStatus::Complete,
            Self::Deploy(DeployStatus::Failed | DeployStatus::Returned) => ClientStatus::Failed,
        }
    }

    /// In the words of deploys.
    pub fn deploy_status(self) -> DeployStatus {
        match self {
            Self::Deploy(status) => status,
            Self::Client(ClientStatus::Pending | ClientStatus::Running) => DeployStatus::Running,
            Self::Client(ClientStatus::Complete) => DeployStatus::Succeeded,
            Self::Client(ClientStatus::Failed | ClientStatus::Interrupted) => DeployStatus::Failed,
        }
    }
}

/// The last `count` releases of the app with how they stand, newest first.
pub async fn newest(api: &Api, app: &AppName, count: usize) -> Result<Vec<(ReleaseRecord, Standing)>> {
    let releases = api.store.releases(app, count).await?;
    let by_clients = api.store.client_rollouts(app, count).await?;
    let mut by_deploys: HashMap<u64, DeployStatus> = HashMap::new();
    for deploy in api.store.deploys(app, count).await? {
        if deploy.kind == DeployKind::Release {
            by_deploys.entry(deploy.release).or_insert(deploy.status);
        }
    }
    let with_standing = releases.into_iter().map(|release| {
        let standing = match release.carried_out_by {
            CarriedOutBy::Platform => by_deploys.get(&release.version).copied().map(Standing::Deploy),
            CarriedOutBy::Client => by_clients.get(&release.version).map(|r| Standing::Client(r.status)),
        };
        (release, standing.unwrap_or(Standing::FORGOTTEN))
    });
    Ok(with_standing.collect())
}

/// How one release stands.
pub async fn of(api: &Api, release: &ReleaseRecord) -> Result<Standing> {
    if release.carried_out_by == CarriedOutBy::Client {
        let rollout = api.store.client_rollout(&release.app, release.version).await?;
        return Ok(Standing::Client(rollout.record.status));
    }
    let deploy = crate::deploys::last_of(api, &release.app, release.version).await?;
    Ok(deploy.map_or(Standing::FORGOTTEN, |deploy| Standing::Deploy(deploy.status)))
}
