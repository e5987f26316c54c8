//! The machine's own processes, from their start to the end of all of them.

use nix::{sys::signal::Signal, unistd::Pid};
use roost_guest_api::{ExitReport, LogStream, RunConfig};

use super::processes::{Ending, Process};
use crate::{
    Context, Result,
    api_socket::ApiSocket,
    clock,
    logs::{LogBuffer, Output},
    process::{Command, Namespace},
    setup::{self, Volumes},
    statics::Statics,
};

/// What the others get when one of several processes has ended.
const OTHERS_SIGNAL: Signal = Signal::SIGTERM;
const OTHERS_TIMEOUT_MS: u64 = 5_000;

pub struct App {
    processes: Vec<Process>,
    namespace: Namespace,
    pub volumes: Volumes,
    hostname: String,
    /// Nothing when the image has something else in its place.
    api: Option<ApiSocket>,
    statics: Option<Statics>,
    /// How the first process to end did so.
    first_ending: Option<ExitReport>,
    /// The host wants an end.
    stop_requested: bool,
    /// When those still there are killed, on the monotonic clock.
    kill_at_ns: Option<i64>,
}

impl App {
    /// Sets the machine up and starts every process.
    pub fn start(config: &RunConfig, logs: &mut LogBuffer) -> Result<App> {
        let (namespace, volumes) = setup::set_up(config)?;
        let api = ApiSocket::bind().inspect_err(|e| logs.push("init", LogStream::Stderr, e.to_string())).ok();
        let mut app = App {
            processes: Vec::new(),
            namespace,
            volumes,
            hostname: config.hostname.clone(),
            api,
            statics: None,
            first_ending: None,
            stop_requested: false,
            kill_at_ns: None,
        };
        if let Some(statics) = &config.statics {
            let user = config.processes.first().map_or("", |process| &process.user);
            let started = Statics::start(statics, config.network.ipv4, user, &app.namespace);
            match started {
                Ok(statics) => app.statics = Some(statics),
                Err(error) => {
                    app.finish(logs);
                    return Err(error).context(|| "serve statics".into());
                }
            }
        }
        for (index, process) in config.processes.iter().enumerate() {
            match Process::start(process, index, &app.namespace, &app.hostname) {
                Ok(process) => app.processes.push(process),
                Err(error) => {
                    app.finish(logs);
                    return Err(error).context(|| format!("start the process {}", process.name));
                }
            }
        }
        Ok(app)
    }

    /// The machine's way to the api.
    pub fn api(&self) -> Option<&ApiSocket> {
        self.api.as_ref()
    }

    pub fn api_mut(&mut self) -> Option<&mut ApiSocket> {
        self.api.as_mut()
    }

    pub fn first_pid(&self) -> i32 {
        self.processes.first().map_or(0, |process| process.pid.as_raw())
    }

    /// Where and as whom an exec runs unless it says otherwise.
    pub fn surroundings(&self) -> (Option<&Command>, &Namespace, &str) {
        (self.processes.first().map(|process| &process.command), &self.namespace, &self.hostname)
    }

    pub fn outputs(&self) -> impl Iterator<Item = &Output> {
        self.processes.iter().flat_map(|process| &process.outputs)
    }

    pub fn pump(&mut self, logs: &mut LogBuffer) {
        self.processes
            .iter_mut()
            .flat_map(|process| &mut process.outputs)
            .for_each(|output| output.pump(logs));
    }

    /// To every process that still runs; not to its descendants.
    pub fn signal(&self, signal: Signal) {
        self.processes.iter().filter(|process| !process.ended).for_each(|process| process.signal(signal));
    }

    /// The host wants an end. A second call can only bring the kill nearer.
    pub fn stop(&mut self, signal: Signal, timeout_ms: u64) {
        self.stop_requested = true;
        self.end(signal, timeout_ms);
    }

    pub fn deadline(&self) -> Option<i64> {
        let statics = self.statics.as_ref().and_then(Statics::deadline);
        self.kill_at_ns.into_iter().chain(self.volumes.deadline()).chain(statics).min()
    }

    pub fn keep_deadline(&mut self, now_ns: i64, logs: &mut LogBuffer) {
        self.volumes.keep_deadline(now_ns);
        if let Some(statics) = &mut self.statics
            && let Err(error) = statics.keep_deadline(now_ns, &self.namespace)
        {
            logs.push("init", LogStream::Stderr, error.to_string());
        }
        if self.kill_at_ns.is_some_and(|at| now_ns >= at) {
            self.kill_at_ns = None;
            self.processes.iter().filter(|process| !process.ended).for_each(|process| process.cgroup.kill());
        }
    }

    /// Whether `pid` is one of ours, which has ended now.
    pub fn ended(&mut self, pid: Pid, ending: Ending) -> bool {
        if self.statics.as_mut().is_some_and(|statics| statics.ended(pid)) {
            return true;
        }
        let Some(process) = self.processes.iter_mut().find(|process| process.pid == pid && !process.ended)
        else {
            return false;
        };
        process.ended = true;
        if self.first_ending.is_none() {
            self.first_ending = Some(process.report(ending, self.stop_requested));
            if !self.stop_requested {
                self.end(OTHERS_SIGNAL, OTHERS_TIMEOUT_MS);
            }
        }
        true
    }

    /// The report, once all processes have ended.
    pub fn report(&self) -> Option<ExitReport> {
        let all = self.processes.iter().all(|process| process.ended);
        self.first_ending.clone().filter(|_| all)
    }

    /// Kills what the processes left behind and takes their last output.
    pub fn finish(&mut self, logs: &mut LogBuffer) {
        self.volumes.thaw_all();
        super::reap::kill_everything();
        for process in &mut self.processes {
            process.outputs.iter_mut().for_each(|output| output.drain(logs));
            process.cgroup.remove();
        }
    }

    fn end(&mut self, signal: Signal, timeout_ms: u64) {
        self.volumes.thaw_all();
        self.signal(signal);
        let timeout_ns = i64::try_from(timeout_ms.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
        let kill_at = clock::monotonic_ns().saturating_add(timeout_ns);
        self.kill_at_ns = Some(self.kill_at_ns.map_or(kill_at, |earlier| earlier.min(kill_at)));
    }
}
