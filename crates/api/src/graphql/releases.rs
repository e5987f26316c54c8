//! Releases as documents read them.

use roost_graphql::{
    ID,
    scalar::{Iso8601DateTime, int},
    types::release::{DeploymentStrategy, Release, ReleaseConfig, ReleaseFacts},
};
use roost_records::{ClientStatus, ReleaseRecord};

use super::{Session, apps};
use crate::standing::Standing;

impl Session {
    pub fn release_shown(&self, release: ReleaseRecord, standing: Standing) -> Release {
        let status = standing.client_status();
        let config = apps::config_of(&release);
        let facts = ReleaseFacts {
            id: ID(release.id.to_string()),
            version: int(release.version),
            description: release.reason.to_string(),
            reason: release.message.unwrap_or_default(),
            status: status.as_str().to_owned(),
            in_progress: !status.is_end(),
            stable: status == ClientStatus::Complete,
            deployment_strategy: strategy(&release.strategy),
            image_ref: Some(release.image.to_string()),
            user: Some(self.user(&release.created_by)),
            evaluation_id: Some(release.id.to_string()),
            created_at: Iso8601DateTime(release.created_at),
        };
        Release(facts, ReleaseConfig { config: Some(config) })
    }
}

fn strategy(name: &str) -> DeploymentStrategy {
    match name {
        "bluegreen" => DeploymentStrategy::Bluegreen,
        "canary" => DeploymentStrategy::Canary,
        "immediate" => DeploymentStrategy::Immediate,
        "rolling_one" => DeploymentStrategy::RollingOne,
        "simple" => DeploymentStrategy::Simple,
        _ => DeploymentStrategy::Rolling,
    }
}
