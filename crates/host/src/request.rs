//! Whether what a caller asks for can be had at all. Pure.

use base64::{Engine, prelude::BASE64_STANDARD};
use roost_host_api::{CreateMachine, ErrorBody, ErrorCode, MachineSpec};
use roost_model::{
    Guest, MachineConfig, MachineId, http_options::ReplayCache, machine::File, statics::check_statics,
};

use crate::{context::refuse, refused, signal, volumes::check_mounts};

/// Longest name of a machine: it is a DNS label in places.
const MAX_NAME: usize = 63;

/// Each has a cgroup and two pipes in the guest; far more than an app needs.
const MAX_PROCESSES: usize = 16;

/// Room on the host is shared; what needs more belongs on a volume.
const MAX_ROOTFS_GB: u32 = 50;

/// The kernel's command line has 2048 characters, of which the platform needs some.
const MAX_KERNEL_ARGS: usize = 512;

/// Each failing machine looks through all of them.
const MAX_STANDBYS: usize = 16;

const MAX_MODE: u32 = 0o7777;

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
    refused::check(config)?;
    if let Some(name) = config.stop_config.as_ref().and_then(|stop| stop.signal.as_deref()) {
        signal::number(name).map_err(|e| invalid(e.to_string()))?;
    }
    check_mounts(config)?;
    if config.processes.len() > MAX_PROCESSES {
        return Err(invalid(format!("a machine has at most {MAX_PROCESSES} processes")));
    }
    config.files.iter().try_for_each(check_file)?;
    check_statics(&config.statics).map_err(|e| invalid(e.to_string()))?;
    check_replay_caches(config)?;
    check_kernel_args(config)?;
    if config.rootfs.as_ref().and_then(|rootfs| rootfs.size_gb).is_some_and(|size| size > MAX_ROOTFS_GB) {
        return Err(invalid(format!("rootfs.size_gb is at most {MAX_ROOTFS_GB}")));
    }
    check_standbys(config)
}

fn check_file(file: &File) -> Result<(), ErrorBody> {
    let path = &file.guest_path;
    if !path.starts_with('/') {
        return Err(invalid(format!("the file path \"{path}\" must be absolute")));
    }
    if file.raw_value.is_some() == file.secret_name.is_some() {
        return Err(invalid(format!("the file {path} needs one of raw_value and secret_name")));
    }
    if file.raw_value.as_ref().is_some_and(|content| BASE64_STANDARD.decode(content).is_err()) {
        return Err(invalid(format!("raw_value of the file {path} is not base64")));
    }
    if file.mode.is_some_and(|mode| mode > MAX_MODE) {
        return Err(invalid(format!("mode of the file {path} is more than {MAX_MODE:#o}")));
    }
    Ok(())
}

fn check_replay_caches(config: &MachineConfig) -> Result<(), ErrorBody> {
    let ports = config.services.iter().flat_map(|service| &service.ports);
    let rules = ports.filter_map(|port| port.http_options.as_ref()).map(|options| options.replay_cache.len());
    match rules.max().is_some_and(|rules| rules > ReplayCache::MAX_RULES) {
        true => Err(invalid(format!("replay_cache has at most {} rules", ReplayCache::MAX_RULES))),
        false => Ok(()),
    }
}

fn check_kernel_args(config: &MachineConfig) -> Result<(), ErrorBody> {
    let args: Vec<_> = kernel_args(config).collect();
    let odd = args
        .iter()
        .find(|arg| arg.is_empty() || arg.as_str() == "--" || !arg.bytes().all(|b| b.is_ascii_graphic()));
    if let Some(arg) = odd {
        return Err(invalid(format!(
            "the kernel argument \"{arg}\" must be one word of visible ASCII, and not --"
        )));
    }
    if args.iter().map(|arg| arg.len() + 1).sum::<usize>() > MAX_KERNEL_ARGS {
        return Err(invalid(format!("kernel arguments have at most {MAX_KERNEL_ARGS} characters together")));
    }
    Ok(())
}

/// What the machine adds to its kernel's command line.
pub fn kernel_args(config: &MachineConfig) -> impl Iterator<Item = &String> {
    let of_guest = config.guest.iter().flat_map(|guest| &guest.kernel_args);
    of_guest.chain(&config.init.kernel_args)
}

fn check_standbys(config: &MachineConfig) -> Result<(), ErrorBody> {
    if !config.standbys.is_empty() && !config.services.is_empty() {
        return Err(invalid(
            "a machine with services can not stand in for others: remove standbys or services",
        ));
    }
    if config.standbys.len() > MAX_STANDBYS {
        return Err(invalid(format!("a machine stands in for at most {MAX_STANDBYS} others")));
    }
    match config.standbys.iter().find(|id| id.parse::<MachineId>().is_err()) {
        Some(id) => Err(invalid(format!("standbys: \"{id}\" is no machine id (14 hex digits)"))),
        None => Ok(()),
    }
}

pub fn invalid(message: impl Into<String>) -> ErrorBody {
    refuse(ErrorCode::InvalidRequest, message)
}
