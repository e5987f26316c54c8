//! What a Linux program expects to find mounted.

use nix::mount::{MsFlags, mount};

use super::{IMAGE, SCRATCH, rooted::Rooted};
use crate::{Context, Result};

/// A file system to mount.
struct KernelMount {
    kind: &'static str,
    at: &'static str,
    options: Option<&'static str>,
    may_hold_devices: bool,
}

const fn plain(kind: &'static str, at: &'static str, options: Option<&'static str>) -> KernelMount {
    KernelMount { kind, at, options, may_hold_devices: false }
}

/// In order: some lie in others.
const MOUNTS: [KernelMount; 7] = [
    plain("proc", "/proc", None),
    plain("sysfs", "/sys", None),
    plain("cgroup2", "/sys/fs/cgroup", None),
    KernelMount { kind: "tmpfs", at: "/dev", options: Some("mode=755,size=64k"), may_hold_devices: true },
    KernelMount {
        kind: "devpts",
        at: "/dev/pts",
        options: Some("newinstance,ptmxmode=0666,mode=0620,gid=5"),
        may_hold_devices: true,
    },
    plain("tmpfs", "/dev/shm", Some("mode=1777")),
    plain("mqueue", "/dev/mqueue", None),
];

/// Path and numbers, as in the kernel's devices.txt.
const DEVICES: [(&str, u64, u64); 6] = [
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
];

const LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
    ("pts/ptmx", "/dev/ptmx"),
];

pub fn mount_all(root: &Rooted) -> Result<()> {
    for each in &MOUNTS {
        mount_one(root, each)?;
    }
    for (path, major, minor) in DEVICES {
        root.device(path, major, minor)?;
    }
    for (target, path) in LINKS {
        root.symlink(target, path)?;
    }
    mount_run(root)?;
    make_tmp(root)
}

fn mount_one(root: &Rooted, each: &KernelMount) -> Result<()> {
    let dir = root.dir(each.at)?;
    let mut flags = MsFlags::MS_NOSUID;
    flags.set(MsFlags::MS_NODEV, !each.may_hold_devices);
    let result = mount(Some(each.kind), &Rooted::mount_point(&dir), Some(each.kind), flags, each.options);
    match result {
        // Left out of slim kernels, and hardly ever used.
        Err(nix::Error::ENODEV) if each.kind == "mqueue" => Ok(()),
        result => result.context(|| format!("mount {} at {}", each.kind, each.at)),
    }
}

/// Empty at each boot, but with what the image has there: many images make their sockets' folders in it.
fn mount_run(root: &Rooted) -> Result<()> {
    let dir = root.dir("/run")?;
    let at = Rooted::mount_point(&dir);
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let memory = format!("{SCRATCH}-run");
    std::fs::create_dir_all(&memory).context(|| format!("make {memory}"))?;
    mount(Some("tmpfs"), memory.as_str(), Some("tmpfs"), flags, Some("mode=755"))
        .context(|| "mount a tmpfs for /run".into())?;
    let (upper, work) = (format!("{memory}/upper"), format!("{memory}/work"));
    for dir in [&upper, &work] {
        std::fs::create_dir(dir).context(|| format!("make {dir}"))?;
    }
    let options = format!("lowerdir={IMAGE}/run,upperdir={upper},workdir={work}");
    let over_image = mount(Some("overlay"), &at, Some("overlay"), flags, Some(options.as_str()));
    // An image without /run, or with a symlink of that name, has nothing to show there.
    over_image
        .or_else(|_| mount(Some("tmpfs"), &at, Some("tmpfs"), flags, Some("mode=755")))
        .context(|| "mount /run".into())
}

/// An image made from nothing has none, and most programs need it.
fn make_tmp(root: &Rooted) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if root.has_dir("/tmp") {
        return Ok(());
    }
    let dir = root.dir("/tmp")?;
    std::fs::set_permissions(Rooted::mount_point(&dir), std::fs::Permissions::from_mode(0o1777))
        .context(|| "open /tmp to everyone".into())
}
