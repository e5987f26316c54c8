//! Whether the machines that are there can have the volumes that a release mounts.

use roost_api_types::ErrorCode;
use roost_app_config::AppConfig;
use roost_host_api::Machine;
use roost_model::AppName;

use super::desired::is_managed;
use crate::{
    api::Api,
    error::{ApiError, Result},
};

/// A machine is updated where it is and keeps its volume: the volume's name can not become another.
pub async fn check_volumes(api: &Api, app: &AppName, config: &AppConfig) -> Result<()> {
    for host in api.hosts.all() {
        for machine in host.machines(Some(app)).await? {
            if is_managed(&machine) && !machine.state.is_gone() {
                check_source(&machine, config)?;
            }
        }
    }
    Ok(())
}

fn check_source(machine: &Machine, config: &AppConfig) -> Result<()> {
    let group = machine.config.process_group();
    let wanted = config.mount(group).map(|mount| mount.source.as_str());
    let has = machine.config.mounts.first().and_then(|mount| mount.name.as_deref());
    match (has, wanted) {
        (Some(has), Some(wanted)) if has != wanted => {
            let message = format!(
                "mounts.source is \"{wanted}\", and machine {} of group \"{group}\" has the volume \"{has}\" and keeps it; \
                 name that one, or destroy the machine first",
                machine.id
            );
            Err(ApiError::new(ErrorCode::InvalidConfig, message))
        }
        _ => Ok(()),
    }
}
