//! The interface of an edge, for the other roles of its box: what only it knows of machines. HTTP/1.1 with
//! JSON bodies, over a unix socket.
//!
//! | call | body | answer |
//! |---|---|---|
//! | `GET /v1/apps/{app}/machines/{id}/load` | | [`MachineLoad`] |
//! | `POST /v1/apps/{app}/machines/{id}/drain` | | [`MachineLoad`] |
//! | `GET /v1/challenges/{hostname}` | | [`ShownChallenge`] |

use std::{path::Path, time::Duration};

use http::Method;
use roost_host_api::client::{Connection, HostError};
use roost_model::{AppName, MachineId};
use serde::{Deserialize, Serialize};

/// An edge answers from memory; one that needs longer is stuck.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// How busy the edge keeps a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineLoad {
    /// Requests that it has passed to the machine and that have not ended.
    pub in_flight: u32,
    /// It has heard that the machine takes no new requests, or is gone.
    pub cordoned: bool,
}

/// The proof that the edge shows to an authority that checks a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownChallenge {
    pub token: String,
}

/// A cheap handle; clones share their connections.
#[derive(Clone, Debug)]
pub struct EdgeClient {
    connection: Connection,
}

impl EdgeClient {
    /// A client of the edge that listens on the unix socket `path`. Connects when first used.
    pub fn unix(path: impl AsRef<Path>) -> Self {
        Self { connection: Connection::unix(path.as_ref()) }
    }

    pub async fn load(&self, app: &AppName, machine: &MachineId) -> Result<MachineLoad, HostError> {
        let path = format!("/v1/apps/{app}/machines/{machine}/load");
        self.connection.get(&path, CALL_TIMEOUT).await
    }

    /// Has the WebSockets to the machine end that are open now, both of their ends told so.
    pub async fn drain(&self, app: &AppName, machine: &MachineId) -> Result<MachineLoad, HostError> {
        let path = format!("/v1/apps/{app}/machines/{machine}/drain");
        self.connection.call(Method::POST, &path, None::<&()>, CALL_TIMEOUT).await
    }

    /// Fails with "not found" while the edge has none for the name.
    pub async fn challenge(&self, hostname: &str) -> Result<ShownChallenge, HostError> {
        self.connection.get(&format!("/v1/challenges/{hostname}"), CALL_TIMEOUT).await
    }
}
