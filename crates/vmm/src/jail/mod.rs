//! Locks a VMM in, from the fork to the exec.
//!
//! The jail is closed by the forked child itself between `fork` and `exec`, not by a helper program: then
//! there is nothing to install or to find, the VMM has the pid that we forked, and no moment exists in
//! which it runs unconfined. Between fork and exec of a threaded process only async-signal-safe calls
//! are allowed, so the parent prepares everything ([`Step`]s with their paths as C strings) and the child
//! only makes system calls, one or two a step.
//!
//! Not here: which files a VMM needs (its driver knows), and its seccomp filter (it installs its own).

mod root;
mod step;

use std::{
    io::{self, Read},
    os::{
        fd::{AsRawFd, OwnedFd, RawFd},
        unix::process::CommandExt,
    },
    process::{Child, Command},
};

use nix::{
    fcntl::OFlag,
    sched::CloneFlags,
    unistd::{Gid, Uid, pipe2},
};

pub(crate) use root::{BoundFile, Root};
use step::Step;

use crate::{VmmError, error::Context};

/// Descriptors that a VMM may have open: disks, sockets and event descriptors, with room.
const MAX_OPEN_FILES: u64 = 1024;

/// Steps in the order in which the child takes them.
#[derive(Default)]
pub(crate) struct Jail {
    steps: Vec<Step>,
}

impl Jail {
    /// A process group and session of its own, in its cgroup: survives its parent and is found again.
    pub fn detached(doors: Vec<OwnedFd>) -> Self {
        let mut steps: Vec<_> = doors.into_iter().map(Step::JoinCgroup).collect();
        steps.extend([Step::NewSession, Step::ResetSignals, Step::Umask(0o077)]);
        Self { steps }
    }

    /// Own mounts, host name, IPC and network (empty), and `root` for `/`.
    pub fn enter(mut self, root: &Root) -> Result<Self, VmmError> {
        let flags = CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWUTS
            | CloneFlags::CLONE_NEWNET;
        self.steps.push(Step::Unshare(flags));
        self.steps.extend(root.steps()?);
        Ok(self)
    }

    /// Nobody's rights but its own: no capability, none to be had again.
    pub fn drop_rights(mut self, uid: u32, gid: u32, groups: Vec<u32>) -> Self {
        self.steps.extend([
            Step::Limit(libc::RLIMIT_CORE, 0),
            Step::Limit(libc::RLIMIT_NOFILE, MAX_OPEN_FILES),
            Step::DropBoundingSet,
            Step::Become { uid: Uid::from_raw(uid), gid: Gid::from_raw(gid), groups },
            Step::NoNewPrivileges,
            Step::NotDumpable,
        ]);
        self
    }

    /// Starts the program in the jail with exactly these descriptors beside its standard streams.
    /// The program's path is one inside the jail.
    ///
    /// Blocks for some milliseconds. An error names the step that failed.
    pub fn spawn(mut self, mut command: Command, inherit: Vec<RawFd>) -> Result<Child, VmmError> {
        // Last: an exec may need none of what the earlier steps had open.
        self.steps.push(Step::KeepOnly(inherit));
        let (mut reached, report) = pipe2(OFlag::O_CLOEXEC)
            .map(|(r, w)| (std::fs::File::from(r), w))
            .context(|| "making a pipe".into())?;
        let names: Vec<_> = self.steps.iter().map(Step::name).collect();
        let steps = self.steps;
        let failed_step = report.as_raw_fd();
        // SAFETY: the closure allocates nothing, takes no lock, and only makes system calls (see `Step::run`).
        unsafe { command.pre_exec(move || run(&steps, failed_step)) };
        let spawned = command.spawn();
        drop((command, report));
        spawned.map_err(|source| {
            let mut index = Vec::new();
            let _ = reached.read_to_end(&mut index);
            let program = "start the program".to_owned();
            let step = index.first().and_then(|i| names.get(usize::from(*i)));
            VmmError::Jail { step: step.map_or(program, |name| (*name).to_owned()), source }
        })
    }
}

fn run(steps: &[Step], failed_step: RawFd) -> io::Result<()> {
    for (index, step) in steps.iter().enumerate() {
        if let Err(error) = step.run() {
            let index = index as u8;
            // SAFETY: writes one byte of a local variable to a pipe that outlives the call.
            unsafe { libc::write(failed_step, (&raw const index).cast(), 1) };
            return Err(error);
        }
    }
    Ok(())
}
