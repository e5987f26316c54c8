//! What a test says about a machine before it adds it.

use std::{collections::BTreeMap, time::Duration};

use axum::Router;
use roost_host_api::{CreateMachine, MachineSpec};
use roost_model::{AppName, MachineConfig, MachineId, MachineState, NetworkId, Region, Service, Static};

use crate::plan::{Outcome, Plan};

/// A machine to add to a [`crate::FakeHost`]: by default stopped, with one HTTP service on port 80
/// that requests may start and idleness stops.
pub struct FakeMachine {
    id: MachineId,
    app: AppName,
    network: NetworkId,
    region: Region,
    pub(crate) state: MachineState,
    service: serde_json::Value,
    metadata: BTreeMap<String, String>,
    statics: Vec<Static>,
    pub(crate) plan: Plan,
}

impl FakeMachine {
    /// # Panics
    /// When `app` is no app name.
    pub fn of(app: &str, router: Router) -> Self {
        Self {
            id: MachineId::generate(),
            app: app.parse().expect("a valid app name"),
            network: NetworkId(1),
            region: crate::host::region(),
            state: MachineState::Stopped,
            service: serde_json::json!({
                "internal_port": 18080,
                "ports": [{"port": 80, "handlers": ["http"]}],
                "autostart": true,
                "autostop": "stop",
            }),
            metadata: BTreeMap::new(),
            statics: Vec::new(),
            plan: Plan::serving(router),
        }
    }

    /// It runs already.
    pub fn started(self) -> Self {
        Self { state: MachineState::Started, ..self }
    }

    /// From the start call to `started`.
    pub fn boots_in(mut self, boot: Duration) -> Self {
        self.plan.boot = boot;
        self
    }

    /// Its app is a program that the test starts at the machine's address.
    pub fn served_by_others(mut self) -> Self {
        self.plan.outcome = Outcome::ServedByOthers;
        self
    }

    /// From `started` until its app listens.
    pub fn listens_after(mut self, after: Duration) -> Self {
        self.plan.outcome = Outcome::Serves { after };
        self
    }

    /// From the stop call to `stopped`.
    pub fn stops_in(mut self, stop_takes: Duration) -> Self {
        self.plan.stop_takes = stop_takes;
        self
    }

    /// As soon as it runs, it ends with this code.
    pub fn exits(mut self, code: i32) -> Self {
        self.plan.outcome = Outcome::Exits { code };
        self
    }

    /// As soon as it runs, it runs out of memory.
    pub fn runs_out_of_memory(mut self) -> Self {
        self.plan.outcome = Outcome::OutOfMemory;
        self
    }

    /// Sets a key of its service, as the Machines API spells it.
    pub fn service(mut self, key: &str, value: serde_json::Value) -> Self {
        self.service[key] = value;
        self
    }

    /// Its region; the host's unless said.
    ///
    /// # Panics
    /// When `region` is no region.
    pub fn region(self, region: &str) -> Self {
        Self { region: region.parse().expect("a valid region"), ..self }
    }

    /// Its private network; 1 unless said.
    pub fn network(self, network: u32) -> Self {
        Self { network: NetworkId(network), ..self }
    }

    /// Files below this prefix are the machine's to serve; nobody does, unless the test listens in its place.
    pub fn serves_folder(mut self, url_prefix: &str) -> Self {
        let (guest_path, url_prefix) = ("/public".to_owned(), url_prefix.to_owned());
        self.statics.push(Static { guest_path, url_prefix, ..Static::default() });
        self
    }

    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The call by which an api would have made it.
    pub(crate) fn create(self) -> CreateMachine {
        let service: Service = serde_json::from_value(self.service).expect("a valid service");
        let config = MachineConfig {
            services: vec![service],
            metadata: self.metadata.into_iter().collect(),
            statics: self.statics,
            ..MachineConfig::default()
        };
        CreateMachine {
            name: format!("machine-{}", self.id),
            id: self.id,
            app: self.app,
            network: self.network,
            region: self.region,
            spec: MachineSpec {
                config,
                image: "example/app:latest".parse().expect("a valid reference"),
                sealed_secrets: None,
                secrets_version: 0,
            },
            reservation: None,
            skip_launch: true,
            cordoned: false,
            lease: None,
            volume_keep: Default::default(),
            source: "test".to_owned(),
        }
    }
}
