//! What the host says, and what is done about it.

use std::fs;

use nix::{sys::signal::Signal, unistd::sync};
use roost_guest_api::{
    ExitReport, GuestMessage, HostMessage, LogStream, PROTOCOL, Phase, RunConfig, VolumeAnswer,
};

use super::{Stage, Supervisor, app::App};
use crate::{api_socket::ApiSocket, clock, entropy, inspect, session::Received};

impl Supervisor {
    pub(super) fn obey(&mut self, received: Received) {
        match received {
            Received::Opened { unix_ns, acked_log, .. } => {
                clock::correct(unix_ns);
                self.modules.release();
                self.execs.kill_all();
                if let Stage::Running(app) = &mut self.stage {
                    // Whoever held writes is gone.
                    app.volumes.thaw_all();
                }
                if let Some(api) = self.api() {
                    api.close_all();
                }
                self.logs.resume(acked_log);
                self.last_word_said = false;
                self.introduce();
            }
            Received::Repeated => self.introduce(),
            Received::Message(message) => self.obey_message(message),
        }
    }

    fn obey_message(&mut self, message: HostMessage) {
        match message {
            HostMessage::Configure { config } => self.configure(&config),
            HostMessage::AckLog { seq } => self.logs.ack(seq),
            HostMessage::AckExit => {
                self.acknowledged = matches!(self.stage, Stage::Ended(_) | Stage::Failed(_));
            }
            HostMessage::SetClock { unix_ns } => clock::set(unix_ns),
            HostMessage::Resumed { unix_ns, entropy } => {
                clock::set(unix_ns);
                entropy::reseed(&entropy);
            }
            HostMessage::Signal { signal } => {
                if let (Stage::Running(app), Ok(signal)) = (&self.stage, Signal::try_from(signal)) {
                    app.signal(signal);
                }
            }
            HostMessage::Stop { signal, timeout_ms } => self.stop(signal, timeout_ms),
            HostMessage::Exec { exec, request } => match &self.stage {
                Stage::Running(app) => self.execs.start(exec, request, app, &mut self.session),
                _ => {
                    let reason = "the machine does not run".to_owned();
                    self.session.send(&GuestMessage::ExecFailed { exec, reason });
                }
            },
            HostMessage::ExecInput { exec, data } => self.execs.input(exec, &data),
            HostMessage::ExecResize { exec, rows, cols } => self.execs.resize(exec, rows, cols),
            HostMessage::ExecSignal { exec, signal } => self.execs.signal(exec, signal),
            HostMessage::ExecOutputTaken { exec, cost } => self.execs.output_taken(exec, cost),
            HostMessage::ApiData { stream, data } => {
                if let Some(api) = self.api() {
                    api.data(stream, &data);
                }
            }
            HostMessage::ApiTaken { stream, cost } => {
                if let Some(api) = self.api() {
                    api.taken(stream, cost);
                }
            }
            HostMessage::ApiClosed { stream } => {
                if let Some(api) = self.api() {
                    api.closed(stream);
                }
            }
            HostMessage::ListListeners { id } => {
                let listeners = inspect::listeners();
                self.session.send(&GuestMessage::Listeners { id, listeners });
            }
            HostMessage::ListProcesses { id } => {
                let processes = inspect::processes();
                self.session.send(&GuestMessage::Processes { id, processes });
            }
            HostMessage::ReadMemory { id } => {
                let memory = inspect::memory();
                self.session.send(&GuestMessage::Memory { id, memory });
            }
            HostMessage::Volume { id, serial, action } => {
                let answer = match &mut self.stage {
                    Stage::Running(app) => app.volumes.perform(&serial, action),
                    _ => VolumeAnswer::Failed { reason: "the machine does not run".to_owned() },
                };
                self.session.send(&GuestMessage::Volume { id, answer });
            }
            HostMessage::Sync { id } => {
                sync();
                self.session.send(&GuestMessage::Synced { id });
            }
            // Taken by the session.
            HostMessage::Hello { .. } => {}
        }
    }

    fn api(&mut self) -> Option<&mut ApiSocket> {
        match &mut self.stage {
            Stage::Running(app) => app.api_mut(),
            _ => None,
        }
    }

    fn introduce(&mut self) {
        let Some(session) = self.session.number() else { return };
        let phase = match self.stage {
            Stage::Unconfigured => Phase::Unconfigured,
            Stage::Running(_) => Phase::Running,
            Stage::Failed(_) | Stage::Ended(_) => Phase::Exited,
        };
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let kernel = kernel.trim().to_owned();
        self.session.send(&GuestMessage::Hello { session, protocol: PROTOCOL, kernel, phase });
    }

    /// Once in a boot: a host that is not sure whether it did so may say it again.
    fn configure(&mut self, config: &RunConfig) {
        if !matches!(self.stage, Stage::Unconfigured) {
            return;
        }
        clock::set(config.unix_ns);
        entropy::reseed(&config.entropy);
        self.logs.set_capacity(config.log_buffer_bytes);
        let modules = self.modules.load_rest();
        self.stage = match modules.and_then(|()| App::start(config, &mut self.logs)) {
            Ok(app) => {
                self.session.send(&GuestMessage::Started { pid: app.first_pid() });
                Stage::Running(Box::new(app))
            }
            Err(error) => {
                self.logs.push("init", LogStream::Stderr, error.to_string());
                Stage::Failed(error.to_string())
            }
        };
    }

    fn stop(&mut self, signal: i32, timeout_ms: u64) {
        match &mut self.stage {
            Stage::Running(app) => {
                // A number that is no signal must not keep a machine from stopping.
                app.stop(Signal::try_from(signal).unwrap_or(Signal::SIGTERM), timeout_ms);
            }
            Stage::Unconfigured => {
                self.stage = Stage::Ended(ExitReport {
                    process: "init".into(),
                    code: 0,
                    signal: -1,
                    oom_killed: false,
                    requested: true,
                    unix_ns: clock::unix_ns(),
                });
            }
            Stage::Failed(_) | Stage::Ended(_) => {}
        }
    }
}
