//! Volumes: disks of their own, mounted where the machine's configuration says; and what the host asks
//! about them later.
//!
//! A frozen volume holds every process that writes to it, beyond the reach of signals. So a freeze ends by
//! itself, and whoever ends the machine thaws first.

use std::{
    fs::File,
    os::fd::{AsRawFd, OwnedFd},
    path::PathBuf,
};

use nix::{
    mount::{MsFlags, mount},
    sys::statfs::fstatfs,
};
use roost_guest_api::{GuestMount, VolumeAction, VolumeAnswer, VolumeMeasure};

use super::rooted::Rooted;
use crate::{Context, Error, Result, boot::disks, clock};

/// Inode tables are never written just to be zero: the disk takes room on the host only as it fills.
const OPTIONS: &str = "noinit_itable";

/// Longest freeze, whatever the host asks for.
const MAX_FREEZE_MS: u64 = 120_000;

// Of linux/fs.h and the kernel's fs/ext4/ext4.h.
nix::ioctl_readwrite!(fifreeze, b'X', 119, libc::c_int);
nix::ioctl_readwrite!(fithaw, b'X', 120, libc::c_int);
nix::ioctl_write_ptr!(ext4_resize_fs, b'f', 16, u64);
nix::ioctl_read!(blkgetsize64, 0x12, 114, u64);

/// The machine's mounted volumes.
#[derive(Debug, Default)]
pub struct Volumes(Vec<Volume>);

#[derive(Debug)]
struct Volume {
    serial: String,
    device: PathBuf,
    /// The root of its file system.
    dir: OwnedFd,
    /// Frozen until then, on the monotonic clock.
    thaw_at_ns: Option<i64>,
}

impl Volumes {
    pub fn mount(root: &Rooted, mounts: &[GuestMount]) -> Result<Self> {
        mounts.iter().map(|each| Volume::mount(root, each)).collect::<Result<_>>().map(Self)
    }

    pub fn perform(&mut self, serial: &str, action: VolumeAction) -> VolumeAnswer {
        let found = self.0.iter_mut().find(|volume| volume.serial == serial);
        let volume = found.ok_or_else(|| Error::new(format!("the machine has no volume {serial}")));
        match volume.and_then(|volume| volume.perform(action)) {
            Ok(answer) => answer,
            Err(error) => VolumeAnswer::Failed { reason: error.to_string() },
        }
    }

    /// When the first freeze ends by itself.
    pub fn deadline(&self) -> Option<i64> {
        self.0.iter().filter_map(|volume| volume.thaw_at_ns).min()
    }

    pub fn keep_deadline(&mut self, now_ns: i64) {
        let over = |volume: &&mut Volume| volume.thaw_at_ns.is_some_and(|at| now_ns >= at);
        self.0.iter_mut().filter(over).for_each(|volume| drop(volume.thaw()));
    }

    pub fn thaw_all(&mut self) {
        self.0.iter_mut().filter(|volume| volume.thaw_at_ns.is_some()).for_each(|volume| drop(volume.thaw()));
    }
}

impl Volume {
    fn mount(root: &Rooted, volume: &GuestMount) -> Result<Self> {
        let doing = || format!("mount the volume {} at {}", volume.serial, volume.path);
        let device = disks::find(&volume.serial)?;
        let below = root.dir(&volume.path)?;
        let flags = MsFlags::MS_NOATIME | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some(&device), &Rooted::mount_point(&below), Some("ext4"), flags, Some(OPTIONS))
            .context(doing)?;
        // The same path leads onto the mount now.
        let dir = root.dir(&volume.path)?;
        let dir = File::open(Rooted::mount_point(&dir)).context(doing)?.into();
        let volume = Self { serial: volume.serial.clone(), device, dir, thaw_at_ns: None };
        // It may have been made larger while no machine ran.
        if let Err(error) = volume.fill_disk() {
            eprintln!("roost-init: the volume {} keeps its old size: {error}", volume.serial);
        }
        Ok(volume)
    }

    fn perform(&mut self, action: VolumeAction) -> Result<VolumeAnswer> {
        match action {
            VolumeAction::Freeze { timeout_ms } => self.freeze(timeout_ms)?,
            VolumeAction::Thaw => self.thaw()?,
            VolumeAction::Grow { bytes } => self.grow(bytes)?,
            VolumeAction::Measure => return self.measure().map(VolumeAnswer::Measured),
        }
        Ok(VolumeAnswer::Done)
    }

    fn freeze(&mut self, timeout_ms: u64) -> Result<()> {
        let mut unused = 0;
        // SAFETY: an open descriptor; the argument is not looked at.
        unsafe { fifreeze(self.dir.as_raw_fd(), &mut unused) }.context(|| "hold writes".into())?;
        let limit_ns = i64::try_from(timeout_ms.min(MAX_FREEZE_MS)).unwrap_or(0) * 1_000_000;
        self.thaw_at_ns = Some(clock::monotonic_ns().saturating_add(limit_ns));
        Ok(())
    }

    fn thaw(&mut self) -> Result<()> {
        let mut unused = 0;
        self.thaw_at_ns = None;
        // SAFETY: as above. Fails when nothing is frozen, which whoever asks has to know.
        unsafe { fithaw(self.dir.as_raw_fd(), &mut unused) }.context(|| "let writes go on".into()).map(drop)
    }

    fn grow(&self, bytes: u64) -> Result<()> {
        let there = self.disk_bytes()?;
        if there < bytes {
            return Err(Error::new(format!("the disk has {there} bytes yet")));
        }
        self.fill_disk()
    }

    /// Makes the file system as large as its disk. Nothing happens when it is.
    fn fill_disk(&self) -> Result<()> {
        let blocks = self.disk_bytes()? / self.measure()?.block_size.max(1);
        // SAFETY: an open descriptor, and a number that lives through the call.
        unsafe { ext4_resize_fs(self.dir.as_raw_fd(), &blocks) }
            .context(|| "make the file system larger".into())
            .map(drop)
    }

    fn disk_bytes(&self) -> Result<u64> {
        let device = File::open(&self.device).context(|| format!("open {}", self.device.display()))?;
        let mut bytes = 0;
        // SAFETY: an open descriptor, and a number to write to.
        unsafe { blkgetsize64(device.as_raw_fd(), &mut bytes) }.context(|| "measure the disk".into())?;
        Ok(bytes)
    }

    fn measure(&self) -> Result<VolumeMeasure> {
        let stat = fstatfs(&self.dir).context(|| "measure the file system".into())?;
        Ok(VolumeMeasure {
            block_size: u64::try_from(stat.block_size()).unwrap_or(0),
            blocks: stat.blocks(),
            blocks_free: stat.blocks_free(),
            blocks_avail: stat.blocks_available(),
        })
    }
}
