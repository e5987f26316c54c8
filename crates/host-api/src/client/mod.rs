//! A client of one host's API, one method for each call of the table in the crate's header.
//!
//! Responsible for: connections (reused, bounded), time limits, and telling apart the ways a call
//! can fail. Not responsible for: retrying. Whoever calls knows whether a second try is wanted;
//! [`HostError::nothing_was_done`] says whether it is safe.

mod connection;
mod error;
mod exec;
mod lines;
mod volumes;

use std::{path::Path, time::Duration};

use http::Method;
use roost_guest_api::{Listener, MemoryInfo, ProcessInfo};
use roost_model::{AppName, InstanceId, MachineId, MachineState};
use serde::{Serialize, de::DeserializeOwned};
use ulid::Ulid;

use self::connection::NO_BODY;
pub use self::{
    connection::Connection,
    error::HostError,
    exec::{ExecReceiver, ExecSender, ExecUpgrade},
    lines::JsonLines,
};
use crate::{
    AppendLog, Cause, CollectImages, Collected, CreateMachine, DestroyMachine, ExecMachine, ExecResult,
    HostInfo, Lease, LeaseRequest, LogLine, LogQuery, Machine, MachineVersion, Reservation, ReserveRequest,
    SetMetadata, SignalMachine, StopMachine, UpdateMachine, Wait, WaitQuery, WatchEvent,
};

/// Every call is answered once its first step is recorded; a host that needs longer is stuck.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// On top of the time that the call itself may take (`wait`, `exec`).
const ANSWER_MARGIN: Duration = Duration::from_secs(10);

/// Deleting image disks is slow on a loaded disk, and nobody waits for it interactively.
const COLLECT_TIMEOUT: Duration = Duration::from_secs(600);

/// A host says something at least once a second; after this long it is taken for dead.
const WATCH_SILENCE: Duration = Duration::from_secs(5);

/// A log stream has no heartbeat: nothing may be said for as long as the app is quiet.
const NO_LIMIT: Option<Duration> = None;

/// A cheap handle; clones share their connections.
#[derive(Clone, Debug)]
pub struct HostClient {
    connection: Connection,
}

impl HostClient {
    /// A client of the host that listens on the unix socket `path`. Connects when first used.
    pub fn unix(path: impl AsRef<Path>) -> Self {
        Self { connection: Connection::unix(path.as_ref()) }
    }

    pub async fn host(&self) -> Result<HostInfo, HostError> {
        self.get("/v1/host").await
    }

    pub async fn reserve(&self, request: &ReserveRequest) -> Result<Reservation, HostError> {
        self.call(Method::POST, "/v1/reservations", Some(request)).await
    }

    pub async fn release_reservation(&self, id: Ulid) -> Result<(), HostError> {
        self.call(Method::DELETE, &format!("/v1/reservations/{id}"), NO_BODY).await
    }

    /// Makes a machine. Repeatable: the same id gives the machine that is already there.
    pub async fn create(&self, request: &CreateMachine) -> Result<Machine, HostError> {
        self.call(Method::POST, "/v1/machines", Some(request)).await
    }

    /// The machines of one app, or all, destroyed ones included while they are remembered.
    pub async fn machines(&self, app: Option<&AppName>) -> Result<Vec<Machine>, HostError> {
        match app {
            Some(app) => self.get(&format!("/v1/machines?app={app}")).await,
            None => self.get("/v1/machines").await,
        }
    }

    pub async fn machine(&self, id: &MachineId) -> Result<Machine, HostError> {
        self.get(&format!("/v1/machines/{id}")).await
    }

    pub async fn update(&self, id: &MachineId, request: &UpdateMachine) -> Result<Machine, HostError> {
        self.call(Method::PUT, &format!("/v1/machines/{id}"), Some(request)).await
    }

    pub async fn start(&self, id: &MachineId, cause: &Cause) -> Result<Machine, HostError> {
        self.act(id, "start", cause).await
    }

    pub async fn stop(&self, id: &MachineId, stop: &StopMachine) -> Result<Machine, HostError> {
        self.act(id, "stop", stop).await
    }

    /// Keeps the machine's memory and ends its VMM; `start` goes on from there. A machine of which that is
    /// not possible is stopped instead, and its event says why.
    pub async fn suspend(&self, id: &MachineId, cause: &Cause) -> Result<Machine, HostError> {
        self.act(id, "suspend", cause).await
    }

    pub async fn restart(&self, id: &MachineId, stop: &StopMachine) -> Result<Machine, HostError> {
        self.act(id, "restart", stop).await
    }

    pub async fn signal(&self, id: &MachineId, signal: &SignalMachine) -> Result<(), HostError> {
        self.act(id, "signal", signal).await
    }

    pub async fn cordon(&self, id: &MachineId, cause: &Cause) -> Result<Machine, HostError> {
        self.act(id, "cordon", cause).await
    }

    pub async fn uncordon(&self, id: &MachineId, cause: &Cause) -> Result<Machine, HostError> {
        self.act(id, "uncordon", cause).await
    }

    /// Changes metadata in place: no new version, no restart.
    pub async fn set_metadata(&self, id: &MachineId, metadata: &SetMetadata) -> Result<Machine, HostError> {
        self.act(id, "metadata", metadata).await
    }

    /// The configurations that a machine had, as far as they are kept; the present one first.
    pub async fn versions(&self, id: &MachineId) -> Result<Vec<MachineVersion>, HostError> {
        self.get(&format!("/v1/machines/{id}/versions")).await
    }

    pub async fn destroy(&self, id: &MachineId, destroy: &DestroyMachine) -> Result<Machine, HostError> {
        let query = query(destroy)?;
        self.call(Method::DELETE, &format!("/v1/machines/{id}?{query}"), NO_BODY).await
    }

    /// Returns the moment the machine is in `state` (of version `instance`, when given).
    /// [`crate::ErrorCode::Timeout`] when `timeout` passes first.
    pub async fn wait(
        &self,
        id: &MachineId,
        state: MachineState,
        instance: Option<InstanceId>,
        timeout: Duration,
    ) -> Result<Machine, HostError> {
        self.wait_for(id, &Wait { instance, ..Wait::until([state], timeout) }).await
    }

    /// As [`HostClient::wait`], for any of several states; [`Wait::met_by`] tells which one it was.
    pub async fn wait_for(&self, id: &MachineId, wait: &Wait) -> Result<Machine, HostError> {
        let path = format!("/v1/machines/{id}/wait?{}", query(&WaitQuery::from(wait))?);
        self.connection.call(Method::GET, &path, NO_BODY, wait.timeout + ANSWER_MARGIN).await
    }

    pub async fn exec(&self, id: &MachineId, exec: &ExecMachine) -> Result<ExecResult, HostError> {
        let limit = Duration::from_millis(exec.timeout_ms) + ANSWER_MARGIN;
        self.connection.call(Method::POST, &format!("/v1/machines/{id}/exec"), Some(exec), limit).await
    }

    /// Opens an interactive session; the first frame sent must be [`crate::ExecFrame::Start`].
    pub async fn exec_stream(&self, id: &MachineId) -> Result<ExecUpgrade, HostError> {
        let path = format!("/v1/machines/{id}/exec-stream");
        let upgraded = self.connection.upgrade(&path, crate::EXEC_PROTOCOL, CALL_TIMEOUT).await?;
        Ok(ExecUpgrade::new(upgraded))
    }

    /// Sockets that listen inside the machine.
    pub async fn listeners(&self, id: &MachineId) -> Result<Vec<Listener>, HostError> {
        self.get(&format!("/v1/machines/{id}/listeners")).await
    }

    pub async fn processes(&self, id: &MachineId) -> Result<Vec<ProcessInfo>, HostError> {
        self.get(&format!("/v1/machines/{id}/ps")).await
    }

    pub async fn memory(&self, id: &MachineId) -> Result<MemoryInfo, HostError> {
        self.get(&format!("/v1/machines/{id}/memory")).await
    }

    pub async fn take_lease(&self, id: &MachineId, request: &LeaseRequest) -> Result<Lease, HostError> {
        self.act(id, "lease", request).await
    }

    pub async fn lease(&self, id: &MachineId) -> Result<Lease, HostError> {
        self.get(&format!("/v1/machines/{id}/lease")).await
    }

    pub async fn release_lease(&self, id: &MachineId, nonce: &str) -> Result<(), HostError> {
        let query = query(&[("nonce", nonce)])?;
        self.call(Method::DELETE, &format!("/v1/machines/{id}/lease?{query}"), NO_BODY).await
    }

    /// What the machines of one app, or all of them, say of themselves: a Prometheus page.
    pub async fn metrics(&self, app: Option<&AppName>) -> Result<String, HostError> {
        match app {
            Some(app) => self.get(&format!("/v1/metrics?app={app}")).await,
            None => self.get("/v1/metrics").await,
        }
    }

    /// Lines kept and, with `follow`, new ones until the stream is dropped.
    pub async fn logs(&self, logs: &LogQuery) -> Result<JsonLines<LogLine>, HostError> {
        let path = format!("/v1/logs?{}", query(logs)?);
        Ok(JsonLines::new(self.connection.stream(&path, CALL_TIMEOUT).await?, NO_LIMIT))
    }

    /// Adds lines to an app's log.
    pub async fn append_log(&self, lines: &AppendLog) -> Result<(), HostError> {
        self.call(Method::POST, "/v1/logs", Some(lines)).await
    }

    /// Every machine, then changes as they happen. Ends with an error when the host falls silent
    /// or cuts off a reader that is too slow: watch again then.
    pub async fn watch(&self) -> Result<JsonLines<WatchEvent>, HostError> {
        Ok(JsonLines::new(self.connection.stream("/v1/watch", CALL_TIMEOUT).await?, Some(WATCH_SILENCE)))
    }

    pub async fn collect_images(&self, keep: &CollectImages) -> Result<Collected, HostError> {
        self.connection.call(Method::POST, "/v1/images/collect", Some(keep), COLLECT_TIMEOUT).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, HostError> {
        self.call(Method::GET, path, NO_BODY).await
    }

    async fn act<B: Serialize, T: DeserializeOwned>(
        &self,
        id: &MachineId,
        verb: &str,
        body: &B,
    ) -> Result<T, HostError> {
        self.call(Method::POST, &format!("/v1/machines/{id}/{verb}"), Some(body)).await
    }

    async fn call<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<T, HostError> {
        self.connection.call(method, path, body, CALL_TIMEOUT).await
    }
}

fn query(value: &impl Serialize) -> Result<String, HostError> {
    serde_urlencoded::to_string(value).map_err(|e| HostError::Protocol(e.to_string()))
}
