//! Calls about machines.

use std::time::Duration;

use reqwest::Method;
use roost_api_types::{EXEC_PROTOCOL, Machine, StopMachine, Waited};
use roost_model::{AppName, MachineId, MachineState};

use crate::{ApiClient, ClientError, ExecStream, transport::NO_BODY};

/// Longest that one call waits for a state.
const WAIT: Duration = Duration::from_secs(60);

impl ApiClient {
    pub async fn machines(&self, app: &AppName) -> Result<Vec<Machine>, ClientError> {
        self.get(&format!("/v1/apps/{app}/machines")).await
    }

    pub async fn machine(&self, app: &AppName, id: &MachineId) -> Result<Machine, ClientError> {
        self.get(&format!("/v1/apps/{app}/machines/{id}")).await
    }

    pub async fn start_machine(&self, app: &AppName, id: &MachineId) -> Result<(), ClientError> {
        self.done(Method::POST, &format!("/v1/apps/{app}/machines/{id}/start"), NO_BODY).await
    }

    pub async fn stop_machine(
        &self,
        app: &AppName,
        id: &MachineId,
        how: &StopMachine,
    ) -> Result<(), ClientError> {
        self.done(Method::POST, &format!("/v1/apps/{app}/machines/{id}/stop"), Some(how)).await
    }

    /// The machine's memory is kept, and a start goes on from there; where that is not possible it is stopped.
    pub async fn suspend_machine(&self, app: &AppName, id: &MachineId) -> Result<(), ClientError> {
        self.done(Method::POST, &format!("/v1/apps/{app}/machines/{id}/suspend"), NO_BODY).await
    }

    /// Stops and starts; the machine has a new boot when it is `started` again.
    pub async fn restart_machine(
        &self,
        app: &AppName,
        id: &MachineId,
        how: &StopMachine,
    ) -> Result<(), ClientError> {
        let mut path = format!("/v1/apps/{app}/machines/{id}/restart?");
        if let Some(signal) = &how.signal {
            path.push_str(&format!("signal={signal}&"));
        }
        if let Some(timeout) = how.timeout {
            path.push_str(&format!("timeout={timeout}"));
        }
        self.done(Method::POST, path.trim_end_matches(['?', '&']), NO_BODY).await
    }

    /// Destroys a machine; one that runs only with `force`.
    pub async fn destroy_machine(
        &self,
        app: &AppName,
        id: &MachineId,
        force: bool,
    ) -> Result<(), ClientError> {
        self.done(Method::DELETE, &format!("/v1/apps/{app}/machines/{id}?force={force}"), NO_BODY).await
    }

    /// Returns when the machine is in `state`; an error of status 408 after a minute.
    pub async fn wait_for_machine(
        &self,
        app: &AppName,
        id: &MachineId,
        state: MachineState,
    ) -> Result<Waited, ClientError> {
        let seconds = WAIT.as_secs();
        self.get(&format!("/v1/apps/{app}/machines/{id}/wait?state={state}&timeout={seconds}")).await
    }

    /// Begins a session in the machine; the first frame sent must be its start.
    pub async fn exec_stream(&self, app: &AppName, id: &MachineId) -> Result<ExecStream, ClientError> {
        let path = format!("/v1/apps/{app}/machines/{id}/exec-stream");
        let connection = self.upgrade(&path, EXEC_PROTOCOL).await?;
        Ok(ExecStream::new(self.base().to_owned(), connection))
    }
}
