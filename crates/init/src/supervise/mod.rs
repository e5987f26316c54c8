//! The loop that owns the machine.
//!
//! ```text
//!   Unconfigured ── Configure ──► Running ── all processes ended ──► Ended ── AckExit ──► power off
//!        │                           (Stop, an exit, a kill)          ▲                      ▲
//!        ├── Stop ───────────────────────────────────────────────────┘                      │
//!        └── Configure fails ──► Failed ── AckExit ───────────────────────────────────────────┘
//! ```
//!
//! Each turn polls everything and then serves everything that may have something: all descriptors are
//! non-blocking, there are few of them, and nothing has to remember who was ready.

mod app;
mod host;
mod processes;
mod reap;

use std::os::fd::AsFd;

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, SigmaskHow, Signal, sigprocmask},
        signalfd::{SfdFlags, SignalFd},
    },
};
use roost_guest_api::{ExitReport, GuestMessage};

pub use self::{app::App, processes::Ending};
use crate::{
    Context, Result,
    boot::Modules,
    channel::Channel,
    clock,
    exec::Execs,
    logs::{LogBuffer, Next, Output},
    session::Session,
};

/// Taken from the channel at a time.
const READ_BYTES: usize = 16 << 10;

/// How far the machine has come.
enum Stage {
    Unconfigured,
    Running(Box<App>),
    Failed(String),
    Ended(ExitReport),
}

pub struct Supervisor {
    channel: Channel,
    /// Loaded between turns, and before the machine is set up.
    modules: Modules,
    session: Session,
    logs: LogBuffer,
    stage: Stage,
    /// The last word (exit report or failure) has been said in this session.
    last_word_said: bool,
    acknowledged: bool,
    execs: Execs,
    /// Between the channel and the session.
    buffer: Vec<u8>,
}

impl Supervisor {
    pub fn new(channel: Channel, modules: Modules) -> Supervisor {
        Supervisor {
            channel,
            modules,
            session: Session::default(),
            logs: LogBuffer::default(),
            stage: Stage::Unconfigured,
            last_word_said: false,
            acknowledged: false,
            execs: Execs::default(),
            buffer: vec![0; READ_BYTES],
        }
    }

    /// Returns when the machine may power off.
    pub fn run(mut self) {
        let children = match watch_children() {
            Ok(children) => children,
            Err(error) => return eprintln!("roost-init: {error}"),
        };
        while !self.acknowledged {
            self.load_module();
            self.wait(&children);
            self.channel.woken();
            self.listen();
            // Output first: an exit found below then has all that was written before it.
            self.pump();
            self.reap(&children);
            self.keep_deadlines();
            self.speak();
        }
    }

    /// A module that fails is a reason for the machine to fail, told when it is to be set up.
    fn load_module(&mut self) {
        if let Err(error) = self.modules.load_next() {
            self.stage = Stage::Failed(error.to_string());
        }
    }

    fn wait(&self, children: &SignalFd) {
        let mut fds = vec![PollFd::new(children.as_fd(), PollFlags::POLLIN)];
        fds.extend(self.channel.poll_fds(self.session.has_outgoing()).into_iter().map(|(fd, to_write)| {
            PollFd::new(fd, if to_write { PollFlags::POLLIN | PollFlags::POLLOUT } else { PollFlags::POLLIN })
        }));
        if let Stage::Running(app) = &self.stage {
            let pipes = app.outputs().filter_map(Output::poll_fd);
            fds.extend(pipes.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
            let api = app.api().into_iter().flat_map(|api| api.poll_fds(self.session.has_room()));
            fds.extend(api.map(|(fd, flags)| PollFd::new(fd, flags)));
        }
        let execs = self.execs.poll_fds(self.session.has_room());
        fds.extend(execs.into_iter().map(|(fd, flags)| PollFd::new(fd, flags)));
        // Interrupted or not: the turn looks at everything anyway.
        let _ready = poll(&mut fds, self.patience());
    }

    /// Until the next deadline.
    fn patience(&self) -> PollTimeout {
        if !self.modules.is_done() {
            return PollTimeout::ZERO;
        }
        let app = match &self.stage {
            Stage::Running(app) => app.deadline(),
            _ => None,
        };
        let Some(deadline) = app.into_iter().chain(self.execs.deadline()).min() else {
            return PollTimeout::NONE;
        };
        let left_ms = (deadline - clock::monotonic_ns()).max(0) / 1_000_000 + 1;
        PollTimeout::try_from(left_ms).unwrap_or(PollTimeout::MAX)
    }

    /// Takes what the host says, as long as there is room for answers.
    fn listen(&mut self) {
        while self.session.may_receive() {
            let count = self.channel.read(&mut self.buffer);
            if count == 0 {
                return;
            }
            for received in self.session.receive(&self.buffer[..count]) {
                self.obey(received);
            }
        }
    }

    fn pump(&mut self) {
        if let Stage::Running(app) = &mut self.stage {
            app.pump(&mut self.logs);
            if let Some(api) = app.api_mut() {
                api.pump(&mut self.session);
            }
        }
        self.execs.pump(&mut self.session);
    }

    fn keep_deadlines(&mut self) {
        let now = clock::monotonic_ns();
        if let Stage::Running(app) = &mut self.stage {
            app.keep_deadline(now, &mut self.logs);
        }
        self.execs.keep_deadlines(now);
    }

    /// Says what is to be said, as far as there is room.
    fn speak(&mut self) {
        loop {
            self.queue();
            let channel = &mut self.channel;
            let before = self.session.has_outgoing();
            self.session.flush(|bytes| channel.write(bytes));
            if !before || self.session.has_outgoing() {
                return;
            }
        }
    }

    fn queue(&mut self) {
        while self.session.has_room() {
            match self.logs.next_message() {
                Next::Message(message) => self.session.send(&message),
                Next::WindowFull => return,
                Next::Nothing => return self.say_last_word(),
            }
        }
    }

    fn say_last_word(&mut self) {
        let word = match &self.stage {
            _ if self.last_word_said => return,
            Stage::Ended(report) => GuestMessage::Exited { report: report.clone() },
            Stage::Failed(reason) => GuestMessage::SetupFailed { reason: reason.clone() },
            Stage::Unconfigured | Stage::Running(_) => return,
        };
        self.session.send(&word);
        self.last_word_said = true;
    }
}

fn watch_children() -> Result<SignalFd> {
    let child = SigSet::from(Signal::SIGCHLD);
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&child), None).context(|| "block SIGCHLD".into())?;
    SignalFd::with_flags(&child, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
        .context(|| "watch children".into())
}
