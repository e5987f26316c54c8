//! What a test says about a machine before it adds it.

use std::time::Duration;

use axum::Router;
use roost_model::{AppName, MachineId, MachineState, NetworkId, Service};

/// A machine to add to a [`crate::FakeHost`]: by default stopped, with one HTTP service on port 80
/// that requests may start and idleness stops.
pub struct FakeMachine {
    pub(crate) id: MachineId,
    pub(crate) app: AppName,
    pub(crate) network: NetworkId,
    pub(crate) state: MachineState,
    pub(crate) service: serde_json::Value,
    pub(crate) router: Router,
    pub(crate) boot: Duration,
    pub(crate) listens_after: Duration,
    pub(crate) stop_takes: Duration,
    pub(crate) exits: Option<i32>,
    pub(crate) metadata: Vec<(String, String)>,
}

impl FakeMachine {
    /// # Panics
    /// When `app` is no app name.
    pub fn of(app: &str, router: Router) -> Self {
        Self {
            id: MachineId::generate(),
            app: app.parse().expect("a valid app name"),
            network: NetworkId(1),
            state: MachineState::Stopped,
            service: serde_json::json!({
                "internal_port": 18080,
                "ports": [{"port": 80, "handlers": ["http"]}],
                "autostart": true,
                "autostop": "stop",
            }),
            router,
            boot: Duration::from_millis(20),
            listens_after: Duration::ZERO,
            stop_takes: Duration::from_millis(20),
            exits: None,
            metadata: Vec::new(),
        }
    }

    /// It runs already.
    pub fn started(self) -> Self {
        Self { state: MachineState::Started, ..self }
    }

    /// From the start call to `started`.
    pub fn boots_in(self, boot: Duration) -> Self {
        Self { boot, ..self }
    }

    /// From `started` until its app listens.
    pub fn listens_after(self, listens_after: Duration) -> Self {
        Self { listens_after, ..self }
    }

    /// From the stop call to `stopped`.
    pub fn stops_in(self, stop_takes: Duration) -> Self {
        Self { stop_takes, ..self }
    }

    /// Instead of running, it ends with this code.
    pub fn exits(self, code: i32) -> Self {
        Self { exits: Some(code), ..self }
    }

    /// Sets a key of its service, as the Machines API spells it.
    pub fn service(mut self, key: &str, value: serde_json::Value) -> Self {
        self.service[key] = value;
        self
    }

    /// Its private network; 1 unless said.
    pub fn network(self, network: u32) -> Self {
        Self { network: NetworkId(network), ..self }
    }

    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.push((key.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn services(&self) -> Vec<Service> {
        vec![serde_json::from_value(self.service.clone()).expect("a valid service")]
    }
}
