//! One of the machine's own processes.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use roost_guest_api::{ExitReport, GuestProcess, LogStream, TerminalSize};

use crate::{
    Result, clock,
    logs::Output,
    process::{Cgroup, Command, Namespace, Pty, Spawned, Stdio, spawn},
};

/// Of a process with a terminal that nobody looks at.
const TERMINAL: TerminalSize = TerminalSize { rows: 24, cols: 80 };

/// A shell reports a child that was killed by this signal as this code.
const SHELLS_CODE_OF_SIGKILL: i32 = 128 + 9;

/// How a process ended; -1 for what does not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    pub code: i32,
    pub signal: i32,
}

pub struct Process {
    pub name: String,
    pub pid: Pid,
    pub cgroup: Cgroup,
    pub command: Command,
    pub outputs: Vec<Output>,
    pub ended: bool,
    /// Hangs up on the process when it is dropped.
    _terminal: Option<Pty>,
}

impl Process {
    pub fn start(
        process: &GuestProcess,
        index: usize,
        namespace: &Namespace,
        hostname: &str,
    ) -> Result<Process> {
        let command = Command {
            argv: process.argv.clone(),
            env: process.env.clone(),
            user: process.user.clone(),
            working_dir: process.working_dir.clone(),
        };
        let (stdio, streams) = if process.tty { Stdio::terminal(TERMINAL)? } else { Stdio::pipes(false)? };
        let cgroup = Cgroup::create(&format!("app.{index}"))?;
        let Spawned { pid, cgroup } = spawn(&command, stdio, namespace, cgroup, hostname)?;
        let stderr = streams.stderr.map(|pipe| Output::new(&process.name, LogStream::Stderr, pipe));
        let outputs = std::iter::once(Output::new(&process.name, LogStream::Stdout, streams.stdout))
            .chain(stderr)
            .collect();
        let name = process.name.clone();
        Ok(Process { name, pid, cgroup, command, outputs, ended: false, _terminal: streams.pty })
    }

    pub fn signal(&self, signal: Signal) {
        // It may have ended a moment ago.
        let _gone = kill(self.pid, signal);
    }

    pub fn report(&self, Ending { code, signal }: Ending, requested: bool) -> ExitReport {
        let looks_killed = signal == libc::SIGKILL || code == SHELLS_CODE_OF_SIGKILL;
        ExitReport {
            process: self.name.clone(),
            code,
            signal,
            oom_killed: looks_killed && self.cgroup.oom_kills() > 0,
            requested,
            unix_ns: clock::unix_ns(),
        }
    }
}
