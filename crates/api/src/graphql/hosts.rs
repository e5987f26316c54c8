//! Machines and regions, as the hosts tell.

use async_trait::async_trait;
use roost_graphql::{
    Answer, ID, Refusal,
    platform::Hosts,
    scalar::Iso8601DateTime,
    types::{
        app::App,
        machine::{Host, Machine},
        region::Region,
        volume::Volume,
    },
};
use roost_host_api::Machine as HostMachine;
use roost_model::MachineId;
use roost_records::{HostRecord, key};

use super::{Session, apps::name};
use crate::error::ApiError;

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
        Err(Refusal::not_found(format!("Could not find Volume \"{id}\"")))
    }

    /// Where hosts answer, or once did.
    async fn regions(&self) -> Answer<Vec<Region>> {
        let known = self.api.store.list::<HostRecord>(key::HOSTS).await?;
        let answering = self.api.hosts.introductions().await.into_iter().flatten();
        let mut codes: Vec<String> = known.into_iter().map(|host| host.record.region.to_string()).collect();
        codes.extend(answering.map(|host| host.region.to_string()));
        codes.sort();
        codes.dedup();
        Ok(codes.into_iter().map(region).collect())
    }
}

fn region(code: String) -> Region {
    Region {
        name: code.clone(),
        code,
        latitude: None,
        longitude: None,
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
