//! Children that ended: the machine's own, execs, and whatever else has PID 1 for a parent.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill},
        signalfd::SignalFd,
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{Pid, sync},
};

use super::{Stage, Supervisor, processes::Ending};

/// How long killed processes may take to go; one that hangs in the kernel must not hold the report up.
const DYING_TIME: Duration = Duration::from_secs(2);
const DYING_PAUSE: Duration = Duration::from_millis(2);

impl Supervisor {
    pub(super) fn reap(&mut self, children: &SignalFd) {
        // One signal may stand for many children.
        while let Ok(Some(_)) = children.read_signal() {}
        while let Some((pid, ending)) = next_ended() {
            let ours = match &mut self.stage {
                Stage::Running(app) => app.ended(pid, ending),
                _ => false,
            };
            if !ours {
                self.execs.ended(pid, ending);
            }
        }
        self.execs.settle(&mut self.session);
        self.end_if_over();
    }

    fn end_if_over(&mut self) {
        let Stage::Running(app) = &mut self.stage else { return };
        let Some(report) = app.report() else { return };
        app.finish(&mut self.logs);
        self.execs.fail_all(&mut self.session);
        sync();
        self.stage = Stage::Ended(report);
    }
}

/// Kills every process but this one and waits until they are gone.
pub fn kill_everything() {
    const EVERYONE: Pid = Pid::from_raw(-1);
    let give_up = Instant::now() + DYING_TIME;
    while Instant::now() < give_up {
        // Again in each round: a process may have forked in between. None left is an error.
        let _none = kill(EVERYONE, Signal::SIGKILL);
        while next_ended().is_some() {}
        if waitpid(EVERYONE, Some(WaitPidFlag::WNOHANG)) == Err(Errno::ECHILD) {
            return;
        }
        sleep(DYING_PAUSE);
    }
}

fn next_ended() -> Option<(Pid, Ending)> {
    match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)).ok()? {
        WaitStatus::Exited(pid, code) => Some((pid, Ending { code, signal: -1 })),
        WaitStatus::Signaled(pid, signal, _) => Some((pid, Ending { code: -1, signal: signal as i32 })),
        _ => None,
    }
}
