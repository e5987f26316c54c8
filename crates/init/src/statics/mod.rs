//! Folders of the machine over HTTP, for the edge: what `statics` of its configuration asks for.
//!
//! ```text
//!  mod: one process beside the machine's own ─► server: a thread for each connection
//!       ─► request: what is asked for ─► folder: the file ─► answer: the head, and which bytes
//! ```
//!
//! The process sees what the machine's own see and may read what the first of them may. It holds nothing of
//! init's, and when it ends it is started again: it is no reason for the machine to end.

mod answer;
mod folder;
pub mod request;
mod server;

use std::{
    net::{Ipv4Addr, TcpListener},
    os::fd::{FromRawFd, IntoRawFd},
};

use nix::{
    errno::Errno,
    unistd::{ForkResult, Pid, fork},
};
use roost_guest_api::GuestStatics;

use crate::{
    Context, Error, Result, clock,
    process::{Cgroup, Namespace, become_reader},
};

/// Of a process that ends again and again.
const RESTART_PAUSE_NS: i64 = 1_000_000_000;

/// Where the listener is in the process, which has no descriptor but this one.
const LISTENER: i32 = 3;

pub struct Statics {
    config: GuestStatics,
    user: String,
    listener: TcpListener,
    cgroup: Cgroup,
    /// `None` while it does not run.
    pid: Option<Pid>,
    /// On the monotonic clock.
    restart_at_ns: Option<i64>,
}

impl Statics {
    /// Serves `config` on the machine's `address` as `user`.
    pub fn start(
        config: &GuestStatics,
        address: Ipv4Addr,
        user: &str,
        namespace: &Namespace,
    ) -> Result<Statics> {
        let port = config.port;
        let listener = TcpListener::bind((address, port))
            .context(|| format!("listen on port {port} of {address} for statics"))?;
        let mut statics = Statics {
            config: config.clone(),
            user: user.to_owned(),
            listener,
            cgroup: Cgroup::create("statics")?,
            pid: None,
            restart_at_ns: None,
        };
        statics.run(namespace)?;
        Ok(statics)
    }

    /// Whether `pid` is this process, which has ended now.
    pub fn ended(&mut self, pid: Pid) -> bool {
        let ours = self.pid == Some(pid);
        if ours {
            self.pid = None;
            self.restart_at_ns = Some(clock::monotonic_ns() + RESTART_PAUSE_NS);
        }
        ours
    }

    pub fn deadline(&self) -> Option<i64> {
        self.restart_at_ns
    }

    /// Starts it again when it is time.
    pub fn keep_deadline(&mut self, now_ns: i64, namespace: &Namespace) -> Result<()> {
        if self.restart_at_ns.is_none_or(|at| now_ns < at) {
            return Ok(());
        }
        self.restart_at_ns = None;
        self.run(namespace).inspect_err(|_| self.restart_at_ns = Some(now_ns + RESTART_PAUSE_NS))
    }

    fn run(&mut self, namespace: &Namespace) -> Result<()> {
        let listener = self.listener.try_clone().context(|| "share the listener of statics".into())?;
        // SAFETY: the process has one thread.
        match unsafe { fork() }.context(|| "fork".into())? {
            ForkResult::Parent { child } => {
                self.pid = Some(child);
                Ok(())
            }
            ForkResult::Child => {
                if let Err(error) = self.become_server(listener, namespace) {
                    eprintln!("roost-init: statics: {error}");
                }
                // SAFETY: ends the process without running what belongs to init.
                unsafe { libc::_exit(1) }
            }
        }
    }

    fn become_server(&self, listener: TcpListener, namespace: &Namespace) -> Result<()> {
        become_reader(&self.user, namespace, &self.cgroup)?;
        server::serve(only(listener)?, &self.config)
    }
}

/// Closes every descriptor of init but this one and the standard streams.
fn only(listener: TcpListener) -> Result<TcpListener> {
    let given = listener.into_raw_fd();
    // SAFETY: both calls take numbers; nothing that owns another descriptor is used, or dropped, from here on.
    let moved = unsafe { libc::dup2(given, LISTENER) };
    Errno::result(moved).context(|| "move the listener".into())?;
    // SAFETY: as above.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, LISTENER + 1, libc::c_int::MAX, 0) };
    Errno::result(closed).map_err(|e| Error::new(format!("close what is init's: {e}")))?;
    // SAFETY: open, and owned by nobody else.
    Ok(unsafe { TcpListener::from_raw_fd(LISTENER) })
}
