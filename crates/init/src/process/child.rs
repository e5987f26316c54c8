//! The child between fork and exec, step by step.

use std::{
    convert::Infallible,
    ffi::CString,
    fs,
    os::fd::{AsFd, AsRawFd},
    path::Path,
};

use nix::{
    errno::Errno,
    sched::{CloneFlags, setns},
    sys::{
        prctl::set_no_new_privs,
        resource::{Resource, setrlimit},
        signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask},
        stat::{Mode, umask},
    },
    unistd::{
        Gid, Uid, chdir, dup2_stderr, dup2_stdin, dup2_stdout, execve, fchown, setgid, setgroups, setsid,
        setuid,
    },
};

use super::{Cgroup, Command, Identity, Namespace, Passwd, Stdio, capabilities};
use crate::{Context, Error, Result};

/// Open files: what programs size their tables by, and how far they may raise it.
const OPEN_FILES: (u64, u64) = (10_240, 1_048_576);

/// Becomes the command; returns only why it could not.
pub fn exec(
    command: &Command,
    stdio: Stdio,
    namespace: &Namespace,
    cgroup: &Cgroup,
    hostname: &str,
) -> Error {
    match become_command(command, stdio, namespace, cgroup, hostname) {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

fn become_command(
    command: &Command,
    stdio: Stdio,
    namespace: &Namespace,
    cgroup: &Cgroup,
    hostname: &str,
) -> Result<Infallible> {
    cgroup.enter()?;
    setsid().context(|| "start a session".into())?;
    forget_inits_ways()?;
    setns(&namespace.0, CloneFlags::CLONE_NEWNS).context(|| "enter the machine's root".into())?;
    let identity = Passwd::read().resolve(&command.user)?;
    enter_working_dir(&command.working_dir)?;
    let has_terminal = stdio.is_terminal;
    connect(stdio, &identity)?;
    capabilities::limit()?;
    become_user(&identity)?;
    let environment = command.environment(&identity, hostname, has_terminal);
    replace(command, &environment)
}

/// Becomes a process of the machine that runs init's own code as `user`, without a program of the tenant's.
pub fn become_reader(user: &str, namespace: &Namespace, cgroup: &Cgroup) -> Result<()> {
    cgroup.enter()?;
    setsid().context(|| "start a session".into())?;
    forget_inits_ways()?;
    // A client that goes away is an error of a write.
    let ignored = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    // SAFETY: an ignored signal runs no code.
    unsafe { sigaction(Signal::SIGPIPE, &ignored) }.context(|| "ignore SIGPIPE".into())?;
    setns(&namespace.0, CloneFlags::CLONE_NEWNS).context(|| "enter the machine's root".into())?;
    let identity = Passwd::read().resolve(user)?;
    capabilities::limit()?;
    become_user(&identity)?;
    set_no_new_privs().context(|| "give up new privileges".into())
}

/// Signals, limits and protections that are PID 1's own.
fn forget_inits_ways() -> Result<()> {
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
        .context(|| "unblock signals".into())?;
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: the default action runs no code of ours.
    unsafe { sigaction(Signal::SIGPIPE, &default) }.context(|| "reset SIGPIPE".into())?;
    umask(Mode::from_bits_truncate(0o022));
    setrlimit(Resource::RLIMIT_NOFILE, OPEN_FILES.0, OPEN_FILES.1).context(|| "limit open files".into())?;
    fs::write("/proc/self/oom_score_adj", "0").context(|| "drop the OOM protection".into())
}

/// Made if it is missing, as root, as Docker does.
fn enter_working_dir(dir: &str) -> Result<()> {
    let dir = if dir.is_empty() { "/" } else { dir };
    let path = Path::new("/").join(dir);
    fs::create_dir_all(&path).context(|| format!("make the working directory {dir}"))?;
    chdir(&path).context(|| format!("enter the working directory {dir}"))
}

fn connect(stdio: Stdio, identity: &Identity) -> Result<()> {
    let Stdio { stdin, stdout, stderr, is_terminal } = stdio;
    for fd in [&stdin, &stdout, &stderr] {
        // So that a program which is not root may open /dev/stdout; /dev/null is not ours to give.
        if is_terminal
            || nix::sys::stat::fstat(fd).is_ok_and(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFIFO)
        {
            fchown(fd, Some(Uid::from_raw(identity.uid)), None).context(|| "hand over a stream".into())?;
        }
    }
    dup2_stdin(stdin.as_fd()).context(|| "connect stdin".into())?;
    dup2_stdout(stdout.as_fd()).context(|| "connect stdout".into())?;
    dup2_stderr(stderr.as_fd()).context(|| "connect stderr".into())?;
    if is_terminal {
        // SAFETY: the descriptor is a terminal and this process leads a session without one.
        let taken = unsafe { libc::ioctl(stdin.as_raw_fd(), libc::TIOCSCTTY, 0) };
        Errno::result(taken).context(|| "take the terminal".into())?;
    }
    Ok(())
}

fn become_user(identity: &Identity) -> Result<()> {
    let groups: Vec<Gid> = identity.groups.iter().copied().map(Gid::from_raw).collect();
    setgroups(&groups).context(|| "set the groups".into())?;
    setgid(Gid::from_raw(identity.gid)).context(|| format!("become group {}", identity.gid))?;
    setuid(Uid::from_raw(identity.uid)).context(|| format!("become user {}", identity.uid))
}

/// Tries the candidates in order, as a shell does: one that exists and may not be run is remembered.
fn replace(command: &Command, environment: &[String]) -> Result<Infallible> {
    let text = |text: &String| {
        CString::new(text.as_str())
            .map_err(|_| Error::new("the command or its environment contains a zero byte"))
    };
    let argv = command.argv.iter().map(text).collect::<Result<Vec<_>>>()?;
    let environment = environment.iter().map(text).collect::<Result<Vec<_>>>()?;
    let program = &command.argv[0];
    let mut refused = None;
    for candidate in command.candidates() {
        match execve(&text(&candidate)?, &argv, &environment) {
            Ok(never) => return Ok(never),
            // The file may be there while its interpreter is not.
            Err(Errno::ENOENT) if fs::metadata(&candidate).is_ok() => {
                return Err(Error::new(format!(
                    "{candidate} cannot be run: the interpreter or dynamic loader that it names is not in the image"
                )));
            }
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(Errno::ENOEXEC) => {
                return Err(Error::new(format!(
                    "{candidate} cannot be run: it is neither a program for this architecture nor a script that begins with #!"
                )));
            }
            Err(error) => refused = refused.or(Some((candidate, error))),
        }
    }
    Err(match refused {
        Some((candidate, error)) => Error::new(format!("{candidate} cannot be run: {error}")),
        None if program.contains('/') => Error::new(format!("the image has no program {program}")),
        None => Error::new(format!("the image has no program {program} in its PATH")),
    })
}
