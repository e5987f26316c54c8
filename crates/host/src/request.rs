//! Whether what a caller asks for can be had at all. Pure.

use roost_host_api::{CreateMachine, ErrorBody, ErrorCode, MachineSpec};
use roost_model::{Guest, MachineConfig};

use crate::{context::refuse, signal, volumes::check_mounts};

/// Longest name of a machine: it is a DNS label in places.
const MAX_NAME: usize = 63;

/// Each has a cgroup and two pipes in the guest; far more than an app needs.
const MAX_PROCESSES: usize = 16;

pub fn check_create(create: &CreateMachine) -> Result<Guest, ErrorBody> {
    if create.name.is_empty() || create.name.len() > MAX_NAME {
        return Err(invalid(format!("the name \"{}\" must have 1 to {MAX_NAME} characters", create.name)));
    }
    check_spec(&create.spec)
}

/// The size that the machine asks for, if all else can be had too.
pub fn check_spec(spec: &MachineSpec) -> Result<Guest, ErrorBody> {
    if spec.image.digest.is_none() {
        return Err(invalid(format!("the image {} is not pinned to a digest", spec.image)));
    }
    check_config(&spec.config)?;
    spec.config.guest().map_err(|e| invalid(e.to_string()))
}

fn check_config(config: &MachineConfig) -> Result<(), ErrorBody> {
    if let Some(name) = config.stop_config.as_ref().and_then(|stop| stop.signal.as_deref()) {
        signal::number(name).map_err(|e| invalid(e.to_string()))?;
    }
    check_mounts(config)?;
    if config.processes.len() > MAX_PROCESSES {
        return Err(invalid(format!("a machine has at most {MAX_PROCESSES} processes")));
    }
    let relative = config.files.iter().find(|file| !file.guest_path.starts_with('/'));
    if let Some(file) = relative {
        return Err(invalid(format!("the file path \"{}\" must be absolute", file.guest_path)));
    }
    Ok(())
}

pub fn invalid(message: impl Into<String>) -> ErrorBody {
    refuse(ErrorCode::InvalidRequest, message)
}
