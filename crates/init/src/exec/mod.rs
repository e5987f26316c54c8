//! Processes that the host runs beside the machine's own. They belong to one session: a new one kills
//! them, for nobody would read them.

mod one;
mod streams;

use std::{collections::BTreeMap, os::fd::BorrowedFd};

use base64::{Engine, prelude::BASE64_STANDARD};
use nix::{poll::PollFlags, sys::signal::Signal, unistd::Pid};
use one::Exec;
use roost_guest_api::{ExecRequest, GuestMessage, TerminalSize};

use crate::{
    session::Session,
    supervise::{App, Ending},
};

/// At a time: as many as a host asks for at most.
const MAX_EXECS: usize = 128;

/// All execs of the current session.
#[derive(Default)]
pub struct Execs {
    running: BTreeMap<u32, Exec>,
    /// Names cgroups, of which some outlive their session.
    started: u64,
}

impl Execs {
    pub fn start(&mut self, id: u32, request: ExecRequest, app: &App, session: &mut Session) {
        self.started += 1;
        if self.running.len() >= MAX_EXECS || self.running.contains_key(&id) {
            let reason = format!("exec {id} is one too many: at most {MAX_EXECS} run at a time");
            return session.send(&GuestMessage::ExecFailed { exec: id, reason });
        }
        match Exec::start(request, app, self.started) {
            Ok(exec) => {
                session.send(&GuestMessage::ExecStarted { exec: id, pid: exec.pid() });
                self.running.insert(id, exec);
            }
            Err(error) => session.send(&GuestMessage::ExecFailed { exec: id, reason: error.to_string() }),
        }
    }

    /// An empty chunk closes stdin.
    pub fn input(&mut self, id: u32, data: &str) {
        if let (Some(exec), Ok(data)) = (self.running.get_mut(&id), BASE64_STANDARD.decode(data)) {
            exec.input(data);
        }
    }

    pub fn resize(&mut self, id: u32, rows: u16, cols: u16) {
        if let Some(exec) = self.running.get(&id) {
            exec.resize(TerminalSize { rows, cols });
        }
    }

    pub fn signal(&mut self, id: u32, signal: i32) {
        if let (Some(exec), Ok(signal)) = (self.running.get(&id), Signal::try_from(signal)) {
            exec.signal(signal);
        }
    }

    pub fn output_taken(&mut self, id: u32, cost: u64) {
        if let Some(exec) = self.running.get_mut(&id) {
            exec.output_taken(cost);
        }
    }

    /// What to wait for; output only if there is room to pass it on.
    pub fn poll_fds(&self, room: bool) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        self.running.values().flat_map(|exec| exec.poll_fds(room)).collect()
    }

    /// Moves what is there, both ways.
    pub fn pump(&mut self, session: &mut Session) {
        for (id, exec) in &mut self.running {
            exec.pump(*id, session);
        }
    }

    /// A process that is none of the machine's own has ended.
    pub fn ended(&mut self, pid: Pid, ending: Ending) {
        if let Some(exec) = self.running.values_mut().find(|exec| exec.pid() == pid.as_raw()) {
            exec.ended(ending);
        }
    }

    /// Reports those that have ended and whose output has been passed on.
    pub fn settle(&mut self, session: &mut Session) {
        self.pump(session);
        self.running.retain(|id, exec| match exec.final_word(*id) {
            Some(word) => {
                session.send(&word);
                false
            }
            None => true,
        });
    }

    pub fn deadline(&self) -> Option<i64> {
        self.running.values().filter_map(Exec::deadline).min()
    }

    pub fn keep_deadlines(&mut self, now_ns: i64) {
        self.running.values_mut().for_each(|exec| exec.keep_deadline(now_ns));
    }

    /// Their session is over.
    pub fn kill_all(&mut self) {
        std::mem::take(&mut self.running).into_values().for_each(|exec| exec.kill());
    }

    /// The machine has ended, and they with it.
    pub fn fail_all(&mut self, session: &mut Session) {
        for id in std::mem::take(&mut self.running).into_keys() {
            session.send(&GuestMessage::ExecExited { exec: id, code: -1, signal: libc::SIGKILL });
        }
    }
}
