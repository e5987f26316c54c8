//! One thing that a child does to itself on its way into the jail.
//!
//! Everything here runs between `fork` and `exec` of a threaded process: system calls only, no allocation.

use std::{
    ffi::{CStr, CString},
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd, RawFd},
};

use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
    sys::{
        prctl,
        signal::{SigSet, SigmaskHow, sigprocmask},
        stat::{Mode, umask},
    },
    unistd::{Gid, Uid, chdir, pivot_root, setresgid, setresuid, setsid, write},
};

/// Highest capability that any kernel knows today, with room: dropping an unknown one is refused and harmless.
const LAST_CAPABILITY: libc::c_ulong = 63;

pub(super) enum Step {
    JoinCgroup(OwnedFd),
    NewSession,
    ResetSignals,
    Umask(u32),
    Unshare(CloneFlags),
    /// Nothing that we mount is seen outside, nothing from outside later comes in.
    PrivateMounts,
    Bind {
        source: CString,
        target: CString,
    },
    /// Changes the flags of a bind; a kernel takes them only in a second call.
    Remount {
        target: CString,
        flags: MsFlags,
    },
    PivotRoot(CString),
    Limit(libc::__rlimit_resource_t, u64),
    DropBoundingSet,
    Become {
        uid: Uid,
        gid: Gid,
        groups: Vec<u32>,
    },
    NoNewPrivileges,
    NotDumpable,
    /// Marks all descriptors but these and the standard streams as closed at the exec.
    KeepOnly(Vec<RawFd>),
}

impl Step {
    pub fn name(&self) -> &'static str {
        match self {
            Self::JoinCgroup(_) => "join the cgroup",
            Self::NewSession => "start a session",
            Self::ResetSignals => "reset the signal mask",
            Self::Umask(_) => "set the umask",
            Self::Unshare(_) => "make namespaces",
            Self::PrivateMounts => "make mounts private",
            Self::Bind { .. } => "bind a file into the jail",
            Self::Remount { .. } => "make a file of the jail read-only",
            Self::PivotRoot(_) => "change the root",
            Self::Limit(..) => "set a resource limit",
            Self::DropBoundingSet => "drop capabilities",
            Self::Become { .. } => "change user and group",
            Self::NoNewPrivileges => "give up new privileges",
            Self::NotDumpable => "forbid dumps",
            Self::KeepOnly(_) => "close descriptors",
        }
    }

    pub fn run(&self) -> io::Result<()> {
        match self {
            Self::JoinCgroup(door) => write(door.as_fd(), b"0").map(drop)?,
            Self::NewSession => setsid().map(drop)?,
            Self::ResetSignals => sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?,
            Self::Umask(mask) => drop(umask(Mode::from_bits_truncate(*mask))),
            Self::Unshare(flags) => unshare(*flags)?,
            Self::PrivateMounts => mount_at(None, c"/", MsFlags::MS_REC | MsFlags::MS_PRIVATE)?,
            Self::Bind { source, target } => mount_at(Some(source), target, MsFlags::MS_BIND)?,
            Self::Remount { target, flags } => {
                mount_at(None, target, MsFlags::MS_BIND | MsFlags::MS_REMOUNT | *flags)?;
            }
            Self::PivotRoot(root) => {
                chdir(root.as_c_str())?;
                // The old root lands on top of the new one, and is taken off at once (pivot_root(2)).
                pivot_root(c".", c".")?;
                umount2(c".", MntFlags::MNT_DETACH)?;
                chdir(c"/")?;
            }
            Self::Limit(resource, value) => {
                let limit = libc::rlimit { rlim_cur: *value, rlim_max: *value };
                // SAFETY: reads a struct that lives through the call.
                check(unsafe { libc::setrlimit(*resource, &limit) })?;
            }
            Self::DropBoundingSet => drop_bounding_set(),
            Self::Become { uid, gid, groups } => {
                // nix's setgroups allocates. SAFETY: reads `groups.len()` ids that live through the call.
                check(unsafe { libc::setgroups(groups.len(), groups.as_ptr()) })?;
                setresgid(*gid, *gid, *gid)?;
                // From root to another user: the kernel clears all capability sets.
                setresuid(*uid, *uid, *uid)?;
            }
            Self::NoNewPrivileges => prctl::set_no_new_privs()?,
            Self::NotDumpable => prctl::set_dumpable(false)?,
            Self::KeepOnly(keep) => keep_only(keep)?,
        }
        Ok(())
    }
}

fn mount_at(source: Option<&CStr>, target: &CStr, flags: MsFlags) -> nix::Result<()> {
    mount(source, target, None::<&CStr>, flags, None::<&CStr>)
}

fn drop_bounding_set() {
    for capability in 0..=LAST_CAPABILITY {
        // SAFETY: plain system call. Fails for numbers past the kernel's last one, which nobody can hold.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
    }
}

fn keep_only(keep: &[RawFd]) -> io::Result<()> {
    // SAFETY: marks descriptors, closes none before the exec.
    check(unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) } as i32)?;
    for fd in keep {
        // SAFETY: clears the flag of a descriptor that the parent holds open.
        check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, 0) })?;
    }
    Ok(())
}

fn check(result: i32) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
