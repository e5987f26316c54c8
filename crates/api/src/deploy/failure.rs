//! Why a deploy stops, and how it is said.

use futures::StreamExt;
use roost_api_types::{DeployFailure, FailureCode};
use roost_host_api::{ErrorCode as HostCode, HostError, LogLine, LogQuery, Machine};
use roost_model::{ExitEvent, MachineId};

use super::work::Work;

/// Log lines shown with a failure.
const LOG_LINES: u32 = 20;

/// Why execution did not come to its end.
#[derive(Debug, Clone)]
pub enum Stop {
    /// The deploy failed; it is to be returned or ended.
    Failed(Box<DeployFailure>),
    /// The record can not be written, or another api owns the deploy by now: leave it as it is.
    Lost,
}

impl From<DeployFailure> for Stop {
    fn from(failure: DeployFailure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl Stop {
    pub fn internal(message: String) -> Self {
        DeployFailure { code: FailureCode::Internal, message, machine: None, log: Vec::new() }.into()
    }
}

pub fn failure(code: FailureCode, machine: &MachineId, message: String) -> DeployFailure {
    DeployFailure { code, message, machine: Some(machine.clone()), log: Vec::new() }
}

/// What a host's refusal means for the deploy.
pub fn of_host(machine: &MachineId, what: &str, error: &HostError) -> DeployFailure {
    let code = match error.code() {
        Some(HostCode::MachineNotFound) => FailureCode::MachineGone,
        Some(HostCode::NoCapacity | HostCode::ImageUnavailable) => FailureCode::MachineFailed,
        _ => FailureCode::HostError,
    };
    failure(code, machine, format!("machine {machine} could not be {what}: {error}"))
}

/// The machine could not be made or booted; its newest event says why.
pub fn of_failed(machine: &Machine) -> DeployFailure {
    let reason = machine.events.first().and_then(|event| event.request.as_ref()?.reason.clone());
    let reason = reason.unwrap_or_else(|| "its host does not say why".to_owned());
    failure(FailureCode::MachineFailed, &machine.id, format!("machine {} failed: {reason}", machine.id))
}

/// The machine's process ended although nobody asked for it.
pub fn of_exit(machine: &Machine, exit: &ExitEvent, reason: Option<&str>) -> DeployFailure {
    let how = if exit.oom_killed {
        format!("was killed for using more than its {} MB of memory", memory_mb(machine))
    } else if exit.guest_signal > 0 {
        format!("was ended by signal {}", exit.guest_signal)
    } else {
        format!("exited with code {}", exit.exit_code)
    };
    let more = reason.filter(|reason| !reason.contains(&how));
    let reason = more.map(|reason| format!(" ({reason})")).unwrap_or_default();
    let message = format!("the app in machine {} {how}{reason}", machine.id);
    failure(FailureCode::MachineExited, &machine.id, message)
}

fn memory_mb(machine: &Machine) -> u32 {
    machine.config.guest().map_or(0, |guest| guest.memory_mb)
}

/// The failure with the last lines of its machine's log.
pub async fn with_log(work: &Work, mut failure: DeployFailure) -> DeployFailure {
    let Some(machine) = &failure.machine else { return failure };
    let query = LogQuery {
        app: work.app.name.to_string(),
        machine: Some(machine.clone()),
        tail: Some(LOG_LINES),
        ..LogQuery::default()
    };
    // Without its log a failure is still a failure.
    if let Ok(lines) = work.host.logs(&query).await {
        let lines = lines.filter_map(|line| std::future::ready(line.ok())).map(|line: LogLine| line.message);
        failure.log = lines.take(LOG_LINES as usize).collect().await;
    }
    failure
}
