//! The end of a machine's processes, or of its VMM, and what the restart policy makes of it.

use jiff::Timestamp;
use roost_guest_api::ExitReport;
use roost_model::{MachineState, event::ExitEvent};
use roost_vmm::VmExit;

use super::{
    Owner,
    activity::{Activity, Running},
    establish::{console, describe},
    release::Left,
    stop::default_halt,
};
use crate::{
    record::Then,
    restart::{Ending, Verdict, decide, in_window},
    step::Step,
};

/// A shell's way to say which signal ended a process.
const SIGNAL_BASE: i32 = 128;

/// How an end is recorded.
struct End {
    ending: Ending,
    code: i32,
    signal: i32,
    oom_killed: bool,
    at: Timestamp,
    /// For people; goes into the event and the log.
    reason: String,
}

impl Owner {
    /// The guest reports how its processes ended.
    pub(super) async fn exited(&mut self, report: &ExitReport) {
        let Some(running) = self.take_running() else { return };
        self.processes_ended(running, report).await;
    }

    pub(super) async fn processes_ended(&mut self, running: Running, report: &ExitReport) {
        self.record_end(end_of(report, self.record.state)).await;
        if let Some(client) = running.line.client()
            && let Err(error) = client.ack_exit().await
        {
            tracing::debug!(machine = %self.record.id, %error, "exit not acknowledged");
        }
        self.release_now(Left::PoweringOff(running.vm));
    }

    /// The VMM ended without a word from the guest.
    pub(super) async fn vm_ended(&mut self, exit: &VmExit) {
        let Some(running) = self.take_running() else { return };
        let console = console(&*running.vm).await;
        let mut reason = format!("the machine's VMM ended: {}", describe(exit));
        if !console.is_empty() {
            reason.push_str("; its console ends with:\n");
            reason.push_str(&console);
        }
        self.record_unseen_exit(reason, false).await;
        self.release_now(Left::Unknown);
    }

    /// Records an end of which no report will come.
    pub(super) async fn record_unseen_exit(&mut self, reason: String, killed: bool) {
        let requested = matches!(self.record.state, MachineState::Stopping | MachineState::Replacing);
        let ending = if requested { Ending::Requested } else { Ending::Failure };
        let signal = if killed { libc::SIGKILL } else { -1 };
        let at = Timestamp::now();
        self.record_end(End { ending, code: -1, signal, oom_killed: false, at, reason }).await;
    }

    async fn record_end(&mut self, end: End) {
        let now = Timestamp::now();
        let policy = self.record.spec.config.restart.as_ref();
        let verdict = decide(policy, end.ending, &self.record.restarts, now);
        let record = &mut self.record;
        record.ended_boot = record.boot;
        record.started_at = None;
        record.kept_bytes = None;
        // Whoever asked for an end has recorded already what comes after it.
        if !matches!(record.state, MachineState::Stopping | MachineState::Replacing) {
            match verdict {
                Verdict::StartAfter(pause) => {
                    record.restarts.retain(|then| in_window(*then, now));
                    record.restarts.push(now);
                    record.state = MachineState::Starting;
                    record.not_before = Some(now + pause);
                }
                Verdict::Stay | Verdict::GiveUp => {
                    record.state = MachineState::Stopping;
                    record.halt = Some(default_halt(after_exit(record.spec.config.auto_destroy)));
                }
            }
        }
        let restarting = record.state == MachineState::Starting;
        record.add_exit(exit_event(&end, restarting), Some(end.reason.clone()));
        self.checks.clear();
        self.record_at(Step::RecordExit).await;
        self.say(sentence(&end, verdict, restarting)).await;
    }

    fn take_running(&mut self) -> Option<Running> {
        match self.activity.take() {
            Activity::Running(running) | Activity::Halting(running, _) => Some(running),
            other => {
                self.activity = other;
                None
            }
        }
    }
}

fn after_exit(auto_destroy: Option<bool>) -> Then {
    if auto_destroy.unwrap_or(false) { Then::Destroy } else { Then::Stay }
}

fn end_of(report: &ExitReport, state: MachineState) -> End {
    let asked = report.requested || matches!(state, MachineState::Stopping | MachineState::Replacing);
    let ending = match report {
        _ if asked => Ending::Requested,
        ExitReport { code: 0, signal, oom_killed: false, .. } if *signal < 0 => Ending::Success,
        _ => Ending::Failure,
    };
    let at = Timestamp::from_nanosecond(report.unix_ns.into()).unwrap_or_else(|_| Timestamp::now());
    let ExitReport { code, signal, oom_killed, .. } = *report;
    End { ending, code, signal, oom_killed, at, reason: how(report) }
}

fn how(report: &ExitReport) -> String {
    let process = &report.process;
    if report.oom_killed {
        return format!("{process} was killed because the machine ran out of memory");
    }
    match nix::sys::signal::Signal::try_from(report.signal) {
        Ok(signal) => format!("{process} was ended by {signal}"),
        Err(_) => format!("{process} exited with code {}", report.code),
    }
}

fn exit_event(end: &End, restarting: bool) -> ExitEvent {
    let code = if end.signal > 0 { SIGNAL_BASE + end.signal } else { end.code };
    ExitEvent {
        exit_code: code,
        guest_exit_code: end.code,
        guest_signal: end.signal,
        signal: -1,
        oom_killed: end.oom_killed,
        requested_stop: end.ending == Ending::Requested,
        restarting,
        exited_at: end.at,
    }
}

fn sentence(end: &End, verdict: Verdict, restarting: bool) -> String {
    let reason = &end.reason;
    match verdict {
        Verdict::StartAfter(pause) if restarting && pause.is_zero() => {
            format!("Machine ended: {reason}; starting it again")
        }
        Verdict::StartAfter(pause) if restarting => {
            format!("Machine ended: {reason}; starting it again in {:.1} s", pause.as_secs_f64())
        }
        Verdict::GiveUp => format!("Machine ended: {reason}; it failed too often and is left stopped"),
        _ => format!("Machine ended: {reason}"),
    }
}
