//! Machines, volumes and regions, as the hosts tell.

use std::collections::BTreeSet;

use async_trait::async_trait;
use roost_graphql::{
    Answer, ID, Refusal,
    platform::Hosts,
    scalar::{Iso8601DateTime, int},
    types::{
        app::App,
        machine::{Host, Machine},
        region::Region,
        volume::Volume,
    },
};
use roost_host_api::{Machine as HostMachine, Volume as HostVolume};
use roost_model::{MachineId, VolumeId};
use roost_records::{HostRecord, key};

use super::{Session, apps::name};
use crate::{error::ApiError, platform::place_of};

#[async_trait]
impl Hosts for Session {
    async fn machines(&self, app: &App) -> Answer<Vec<Machine>> {
        let mut machines = Vec::new();
        for host in self.api.hosts.all() {
            let of_app = host.machines(Some(&name(app)?)).await.map_err(ApiError::from)?;
            machines.extend(of_app.into_iter().filter(|machine| !machine.state.is_gone()).map(shown));
        }
        Ok(machines)
    }

    async fn machine(&self, id: &str) -> Answer<Machine> {
        let missing = || Refusal::not_found(format!("Could not find Machine \"{id}\""));
        let id: MachineId = id.parse().map_err(|_| missing())?;
        match self.api.hosts.host().machine(&id).await.map_err(ApiError::from) {
            // The machine of an app that the caller may not see is not there.
            Ok(machine) => match self.app_record(machine.app.as_str()).await {
                Ok(_) => Ok(shown(machine)),
                Err(_) => Err(missing()),
            },
            Err(error) if error.code.http_status() == 404 => Err(missing()),
            Err(error) => Err(error.into()),
        }
    }

    async fn volume(&self, id: &str) -> Answer<Volume> {
        let missing = || Refusal::not_found(format!("Could not find Volume \"{id}\""));
        let id: VolumeId = id.parse().map_err(|_| missing())?;
        match self.api.hosts.host().volume(&id).await.map_err(ApiError::from) {
            // The volume of an app that the caller may not see is not there.
            Ok(volume) => match self.app_record(volume.app.as_str()).await {
                Ok(_) => Ok(volume_shown(volume)),
                Err(_) => Err(missing()),
            },
            Err(error) if error.code.http_status() == 404 => Err(missing()),
            Err(error) => Err(error.into()),
        }
    }

    /// Where hosts answer, or once did.
    async fn regions(&self) -> Answer<Vec<Region>> {
        let known = self.api.store.list::<HostRecord>(key::HOSTS).await?;
        let answering = self.api.hosts.introductions().await.into_iter().flatten();
        let known = known.into_iter().map(|host| host.record.region);
        let regions: BTreeSet<_> = known.chain(answering.map(|host| host.region)).collect();
        Ok(regions.iter().map(region_shown).collect())
    }
}

fn region_shown(region: &roost_model::Region) -> Region {
    let place = place_of(region);
    let is_known = !place.name.is_empty();
    Region {
        code: region.to_string(),
        name: if is_known { place.name.to_owned() } else { region.to_string() },
        latitude: is_known.then_some(place.latitude),
        longitude: is_known.then_some(place.longitude),
        gateway_available: true,
        requires_paid_plan: false,
        deprecated: false,
    }
}

fn shown(machine: HostMachine) -> Machine {
    Machine {
        id: ID(machine.id.to_string()),
        name: machine.name,
        state: machine.state.to_string(),
        region: machine.region.to_string(),
        instance_id: machine.instance_id.to_string(),
        config: serde_json::to_value(&machine.config).unwrap_or_default(),
        host: Host { id: ID(machine.host.to_string()) },
        created_at: Iso8601DateTime(machine.created_at),
        updated_at: Iso8601DateTime(machine.updated_at),
        private_ip: machine.private_ip.to_string(),
        app_name: machine.app.to_string(),
    }
}

fn volume_shown(volume: HostVolume) -> Volume {
    Volume {
        id: ID(volume.id.to_string()),
        name: volume.name.to_string(),
        state: volume.state.to_string(),
        region: volume.region.to_string(),
        size_gb: int(u64::from(volume.size_gb)),
        app_name: volume.app.to_string(),
    }
}
