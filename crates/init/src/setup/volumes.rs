//! Volumes: disks of their own, mounted where the machine's configuration says.

use nix::mount::{MsFlags, mount};
use roost_guest_api::GuestMount;

use super::rooted::Rooted;
use crate::{Context, Result, boot::disks};

pub fn mount_all(root: &Rooted, mounts: &[GuestMount]) -> Result<()> {
    mounts.iter().try_for_each(|each| mount_volume(root, each))
}

fn mount_volume(root: &Rooted, volume: &GuestMount) -> Result<()> {
    let device = disks::find(&volume.serial)?;
    let dir = root.dir(&volume.path)?;
    let flags = MsFlags::MS_NOATIME | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some(&device), &Rooted::mount_point(&dir), Some("ext4"), flags, None::<&str>)
        .context(|| format!("mount the volume {} at {}", volume.serial, volume.path))
}
