//! Which host to ask.

use roost_host_api::{HostClient, HostError, HostInfo};
use roost_model::Region;

use crate::error::{ApiError, Result};

/// A region asked for by name that means every region.
const ANY: &str = "any";

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

    /// A host for a new machine in one of the regions (separated by commas, the best first).
    pub async fn place(&self, regions: Option<&str>) -> Result<(HostClient, HostInfo)> {
        let info = self.host.host().await?;
        let asked: Vec<&str> =
            regions.unwrap_or(ANY).split(',').map(str::trim).filter(|r| !r.is_empty()).collect();
        if !asked.is_empty() && !asked.iter().any(|region| [ANY, info.region.as_str()].contains(region)) {
            return Err(no_host_in(&asked.join(", "), &info.region));
        }
        Ok((self.host.clone(), info))
    }

    /// Every host's own words, with the error of those that do not answer.
    pub async fn introductions(&self) -> Vec<std::result::Result<HostInfo, HostError>> {
        vec![self.host.host().await]
    }
}

fn no_host_in(asked: &str, there: &Region) -> ApiError {
    ApiError::invalid(format!("there is no host in region {asked}; hosts are in: {there}"))
}
