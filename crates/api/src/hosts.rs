//! Which host to ask.

use roost_host_api::{HostClient, HostError, HostInfo};
use roost_model::Region;

use crate::{
    error::{ApiError, Result},
    platform::RegionChoice,
};

/// The hosts that this api can reach.
pub struct Hosts {
    host: HostClient,
}

impl Hosts {
    pub fn one(host: HostClient) -> Self {
        Self { host }
    }

    /// Every host.
    pub fn all(&self) -> impl Iterator<Item = &HostClient> {
        std::iter::once(&self.host)
    }

    /// The host that machines of this api's apps are on.
    pub fn host(&self) -> &HostClient {
        &self.host
    }

    /// A host for a new machine in one of the regions or groups of them (separated by commas, the best first).
    pub async fn place(&self, regions: Option<&str>) -> Result<(HostClient, HostInfo)> {
        let asked = regions.unwrap_or_default();
        let choices = RegionChoice::list(asked)?;
        let info = self.host.host().await?;
        match choices.iter().any(|choice| choice.covers(&info.region)) {
            true => Ok((self.host.clone(), info)),
            false => Err(no_host_in(asked, &info.region)),
        }
    }

    /// Every host's own words, with the error of those that do not answer.
    pub async fn introductions(&self) -> Vec<std::result::Result<HostInfo, HostError>> {
        vec![self.host.host().await]
    }
}

fn no_host_in(asked: &str, there: &Region) -> ApiError {
    ApiError::invalid(format!("there is no host in region {asked}; hosts are in: {there}"))
}
