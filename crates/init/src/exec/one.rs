//! One exec: a process, its streams, its credit and its deadline.

use std::os::fd::BorrowedFd;

use nix::{
    poll::PollFlags,
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use roost_guest_api::{ExecRequest, GuestMessage, LogStream, TerminalSize};

use super::streams::{Input, OutputStream};
use crate::{
    Error, Result, clock,
    process::{Cgroup, Command, Pty, Spawned, Stdio, spawn},
    session::Session,
    supervise::{App, Ending},
};

pub struct Exec {
    pid: Pid,
    cgroup: Cgroup,
    input: Input,
    stdout: OutputStream,
    stderr: Option<OutputStream>,
    pty: Option<Pty>,
    /// Cost of output that the host still takes.
    credit: usize,
    /// On the monotonic clock.
    kill_at_ns: Option<i64>,
    ending: Option<Ending>,
}

impl Exec {
    pub fn start(request: ExecRequest, app: &App, number: u64) -> Result<Exec> {
        let (main, namespace, hostname) = app.surroundings();
        let main = main.ok_or_else(|| Error::new("the machine has no process"))?;
        let mut env = main.env.clone();
        env.extend(request.env);
        let command = Command {
            argv: request.argv,
            env,
            user: request.user.unwrap_or_else(|| main.user.clone()),
            working_dir: request.working_dir.unwrap_or_else(|| main.working_dir.clone()),
        };
        let (stdio, streams) = match request.tty {
            Some(size) => Stdio::terminal(size)?,
            None => Stdio::pipes(true)?,
        };
        let cgroup = Cgroup::create(&format!("exec.{number}"))?;
        let Spawned { pid, cgroup } = spawn(&command, stdio, namespace, cgroup, hostname)?;
        let timeout_ns = i64::try_from(request.timeout_ms.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
        Ok(Exec {
            pid,
            cgroup,
            input: Input::new(streams.stdin, streams.pty.is_some()),
            stdout: OutputStream::new(LogStream::Stdout, streams.stdout),
            stderr: streams.stderr.map(|pipe| OutputStream::new(LogStream::Stderr, pipe)),
            pty: streams.pty,
            credit: roost_guest_api::channel::EXEC_WINDOW,
            kill_at_ns: (timeout_ns > 0).then(|| clock::monotonic_ns().saturating_add(timeout_ns)),
            ending: None,
        })
    }

    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    pub fn input(&mut self, data: Vec<u8>) {
        if self.input.push(data).is_err() {
            // The host broke the rules of the window; whatever it wanted is not to be had this way.
            self.cgroup.kill();
        }
    }

    pub fn resize(&self, size: TerminalSize) {
        if let Some(Err(error)) = self.pty.as_ref().map(|pty| pty.resize(size)) {
            eprintln!("roost-init: {error}");
        }
    }

    /// To its process group, as a terminal would; SIGKILL reaches all its descendants.
    pub fn signal(&self, signal: Signal) {
        if signal == Signal::SIGKILL {
            return self.cgroup.kill();
        }
        let _gone = killpg(self.pid, signal);
    }

    pub fn output_taken(&mut self, cost: u64) {
        let cost = usize::try_from(cost).unwrap_or(usize::MAX);
        self.credit = self.credit.saturating_add(cost).min(roost_guest_api::channel::EXEC_WINDOW);
    }

    pub fn poll_fds(&self, room: bool) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        let may_read = room && self.may_read();
        let outputs = std::iter::once(&self.stdout).chain(&self.stderr);
        let mut fds: Vec<_> = outputs
            .filter(|_| may_read)
            .filter_map(|output| Some((output.poll_fd()?, PollFlags::POLLIN)))
            .collect();
        fds.extend(self.input.poll_fd().map(|fd| (fd, PollFlags::POLLOUT)));
        fds
    }

    pub fn pump(&mut self, id: u32, session: &mut Session) {
        if let Some(cost) = self.input.pump() {
            session.send(&GuestMessage::ExecInputTaken { exec: id, cost });
        }
        for at in 0..2 {
            while session.has_room() && self.may_read() {
                let output = if at == 0 { Some(&mut self.stdout) } else { self.stderr.as_mut() };
                let Some((message, cost)) = output.and_then(|output| output.read(id)) else { break };
                self.credit -= cost;
                session.send(&message);
            }
        }
    }

    pub fn ended(&mut self, ending: Ending) {
        self.ending = Some(ending);
        // What is in the pipes now is the process's own; what comes later is from others that hold them.
        std::iter::once(&mut self.stdout).chain(&mut self.stderr).for_each(OutputStream::expect_no_more);
    }

    /// The last message, once the output has been passed on.
    pub fn final_word(&mut self, id: u32) -> Option<GuestMessage> {
        let Ending { code, signal } = self.ending?;
        let outputs = std::iter::once(&self.stdout).chain(&self.stderr);
        if outputs.into_iter().any(|output| !output.is_done()) {
            return None;
        }
        self.cgroup.remove();
        Some(GuestMessage::ExecExited { exec: id, code, signal })
    }

    pub fn deadline(&self) -> Option<i64> {
        self.kill_at_ns
    }

    pub fn keep_deadline(&mut self, now_ns: i64) {
        if self.kill_at_ns.is_some_and(|at| now_ns >= at) {
            self.kill_at_ns = None;
            self.cgroup.kill();
        }
    }

    pub fn kill(self) {
        self.cgroup.kill();
        self.cgroup.remove();
    }

    fn may_read(&self) -> bool {
        use roost_guest_api::channel::{EXEC_CHUNK, chunk_cost};
        self.credit >= chunk_cost(EXEC_CHUNK)
    }
}
