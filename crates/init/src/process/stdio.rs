//! The three standard streams of a process, and init's ends of them.

use std::{
    fs::{File, OpenOptions},
    os::{
        fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
        unix::fs::OpenOptionsExt,
    },
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    unistd::pipe2,
};
use roost_guest_api::TerminalSize;

use crate::{Context, Result, setup::ROOT};

/// The process's ends.
#[derive(Debug)]
pub struct Stdio {
    pub stdin: OwnedFd,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
    /// They are a terminal, which becomes the process's controlling one.
    pub is_terminal: bool,
}

/// init's ends, non-blocking.
#[derive(Debug)]
pub struct Streams {
    /// Nothing if the process reads from /dev/null.
    pub stdin: Option<OwnedFd>,
    pub stdout: OwnedFd,
    /// Nothing for a terminal, whose streams are one.
    pub stderr: Option<OwnedFd>,
    pub pty: Option<Pty>,
}

/// The master of a terminal.
#[derive(Debug)]
pub struct Pty {
    master: OwnedFd,
}

impl Stdio {
    /// Pipes for output, and for input if `with_stdin`.
    pub fn pipes(with_stdin: bool) -> Result<(Stdio, Streams)> {
        let (stdout, out) = pipe()?;
        let (stderr, err) = pipe()?;
        let (stdin, input) = if with_stdin {
            let (read, write) = pipe()?;
            (read, Some(write))
        } else {
            (OwnedFd::from(File::open("/dev/null").context(|| "open /dev/null".into())?), None)
        };
        for ours in [Some(&stdout), Some(&stderr), input.as_ref()].into_iter().flatten() {
            set_nonblocking(ours)?;
        }
        let theirs = Stdio { stdin, stdout: out, stderr: err, is_terminal: false };
        Ok((theirs, Streams { stdin: input, stdout, stderr: Some(stderr), pty: None }))
    }

    /// A terminal, from the machine's own devpts, so that its name is right where the process looks.
    pub fn terminal(size: TerminalSize) -> Result<(Stdio, Streams)> {
        let master = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK | libc::O_CLOEXEC)
            .open(format!("{ROOT}/dev/pts/ptmx"))
            .context(|| "open a terminal".into())?;
        let pty = Pty { master: OwnedFd::from(master) };
        let slave = pty.open_slave()?;
        pty.resize(size)?;
        let copy = |fd: &OwnedFd| fd.try_clone().context(|| "copy a descriptor".into());
        let stdio = Stdio { stdin: copy(&slave)?, stdout: copy(&slave)?, stderr: slave, is_terminal: true };
        let streams = Streams {
            stdin: Some(copy(&pty.master)?),
            stdout: copy(&pty.master)?,
            stderr: None,
            pty: Some(pty),
        };
        Ok((stdio, streams))
    }
}

impl Pty {
    pub fn resize(&self, size: TerminalSize) -> Result<()> {
        let size = libc::winsize { ws_row: size.rows, ws_col: size.cols, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: the descriptor is a terminal and the argument is a winsize.
        let result = unsafe { libc::ioctl(self.master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
        Errno::result(result).context(|| "resize the terminal".into())?;
        Ok(())
    }

    /// Without a path, which another namespace could have covered.
    fn open_slave(&self) -> Result<OwnedFd> {
        let unlock: libc::c_int = 0;
        // SAFETY: the descriptor is a terminal's master and the argument an int.
        let result = unsafe { libc::ioctl(self.master.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlock) };
        Errno::result(result).context(|| "unlock the terminal".into())?;
        let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
        // SAFETY: as above; this request takes open flags.
        let slave = unsafe { libc::ioctl(self.master.as_raw_fd(), libc::TIOCGPTPEER, flags) };
        let slave = Errno::result(slave).context(|| "open the terminal's other end".into())?;
        // SAFETY: just opened, and owned by nobody else.
        Ok(unsafe { OwnedFd::from_raw_fd(slave) })
    }
}

fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    pipe2(OFlag::O_CLOEXEC).context(|| "make a pipe".into())
}

fn set_nonblocking(fd: impl AsFd) -> Result<()> {
    fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).context(|| "set a pipe non-blocking".into())?;
    Ok(())
}
