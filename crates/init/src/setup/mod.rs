//! A run configuration becomes a machine: one step, one file, in this order.

mod files;
mod kernel_files;
mod names;
mod namespace;
mod netlink;
mod network;
mod root;
mod rooted;
mod swap;
mod volumes;

use roost_guest_api::RunConfig;

pub use root::{IMAGE, ROOT, SCRATCH};
pub use rooted::Rooted;
pub use volumes::Volumes;

use crate::{Result, process::Namespace};

/// Does everything that the processes need before they start. Not repeatable: a machine that could not
/// be set up ends.
pub fn set_up(config: &RunConfig) -> Result<(Namespace, Volumes)> {
    let root = root::mount_root()?;
    kernel_files::mount_all(&root)?;
    let volumes = Volumes::mount(&root, &config.mounts)?;
    swap::enable(config.swap_mib)?;
    network::bring_up(&config.network)?;
    names::write(&root, config)?;
    files::inject(&root, &config.files)?;
    Ok((namespace::make()?, volumes))
}
