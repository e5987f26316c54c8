//! The machine's root: the image below, the scratch disk above.

use std::{
    fs,
    path::{Path, PathBuf},
};

use nix::mount::{MsFlags, mount};
use roost_guest_api::serial;

use super::rooted::Rooted;
use crate::{Context, Result, boot::disks};

/// The machine's root as `init` sees it.
pub const ROOT: &str = "/root";
pub const IMAGE: &str = "/image";
pub const SCRATCH: &str = "/scratch";

pub fn mount_root() -> Result<Rooted> {
    mount_disk(&disks::find(serial::IMAGE)?, IMAGE, "erofs", MsFlags::MS_RDONLY, None)?;
    let scratch = disks::find(serial::SCRATCH)?;
    // Inode tables are filled when they are needed, not by a thread that starts now.
    mount_disk(&scratch, SCRATCH, "ext4", MsFlags::MS_NOATIME, Some("noinit_itable"))?;
    let (upper, work) = (format!("{SCRATCH}/upper"), format!("{SCRATCH}/work"));
    for dir in [&upper, &work, ROOT] {
        fs::create_dir_all(dir).context(|| format!("make {dir}"))?;
    }
    let options = format!("lowerdir={IMAGE},upperdir={upper},workdir={work}");
    mount(Some("overlay"), ROOT, Some("overlay"), MsFlags::empty(), Some(options.as_str()))
        .context(|| "mount the overlay of image and scratch disk".into())?;
    Rooted::open(Path::new(ROOT))
}

fn mount_disk(device: &PathBuf, at: &str, kind: &str, flags: MsFlags, options: Option<&str>) -> Result<()> {
    fs::create_dir_all(at).context(|| format!("make {at}"))?;
    mount(Some(device), at, Some(kind), flags, options)
        .context(|| format!("mount {} as {kind}", device.display()))
}
