//! Whether the disk has room for more. Volumes are promised more than there is, within a bound; once the
//! disk is really full, nothing new is made.

use std::path::Path;

use roost_host_api::{ErrorBody, ErrorCode};
use roost_model::volume::GB;

use crate::{config::HostSettings, context::refuse};

/// `promised_gb`: all volumes together, with the one that is asked for.
pub fn check_promise(dir: &Path, settings: &HostSettings, promised_gb: u64) -> Result<(), ErrorBody> {
    check_free(dir, settings)?;
    let (total, _) = measure(dir)?;
    let most_gb = total.saturating_mul(settings.volume_overcommit.into()) / GB;
    if promised_gb <= most_gb {
        return Ok(());
    }
    let text = format!(
        "this host has no room: its volumes would be {promised_gb} GB together, and it promises at most {most_gb} GB; \
         ask for a smaller volume, destroy others, or raise host.volume_overcommit"
    );
    Err(refuse(ErrorCode::NoCapacity, text))
}

/// Enough is free that what is there can go on being written.
pub fn check_free(dir: &Path, settings: &HostSettings) -> Result<(), ErrorBody> {
    let (_, free) = measure(dir)?;
    let (free_mib, reserve_mib) = (free >> 20, settings.volume_reserve_mib);
    if free_mib >= reserve_mib {
        return Ok(());
    }
    let text = format!(
        "this host's disk is full: {free_mib} MiB are free and {reserve_mib} MiB are kept for the volumes that are there; \
         make room on it, or lower host.volume_reserve_mib"
    );
    Err(refuse(ErrorCode::NoCapacity, text))
}

/// Bytes of the disk, and those of them that are free.
fn measure(dir: &Path) -> Result<(u64, u64), ErrorBody> {
    let stat = nix::sys::statvfs::statvfs(dir);
    let stat = stat.map_err(|e| refuse(ErrorCode::Internal, format!("the disk can not be measured: {e}")))?;
    let unit = stat.fragment_size();
    Ok((stat.blocks() * unit, stat.blocks_available() * unit))
}
