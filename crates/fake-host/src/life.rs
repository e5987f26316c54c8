//! A machine's life: start, stop, suspend, and what comes of it a moment later.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use jiff::Timestamp;
use roost_guest_api::Listener;
use roost_host_api::Machine;
use roost_model::{
    ExitEvent, MachineConfig, MachineId, MachineState,
    service::{CheckResult, CheckStatus},
};
use tokio::time::sleep;

use crate::{
    machines::{Answer, Entry, Shared, event, wrong_state},
    plan::Outcome,
    server::AppServer,
};

impl Shared {
    /// Begins a start, as the real host does: the answer comes with the first step.
    pub fn start(self: &Arc<Self>, id: &MachineId) -> Answer<Machine> {
        let machine = self.get(id)?;
        match machine.state {
            MachineState::Started | MachineState::Starting => return Ok(machine),
            state if !state.can_start() => return Err(wrong_state(state)),
            _ => self.note("start", id),
        }
        self.starts.fetch_add(1, Ordering::SeqCst);
        self.boot(id)
    }

    pub fn boot(self: &Arc<Self>, id: &MachineId) -> Answer<Machine> {
        let takes = self.with(id, |entry| entry.plan.boot)?;
        let starting = self.change(id, |machine| machine.state = MachineState::Starting)?;
        let (host, version) = (self.clone(), starting.clone());
        tokio::spawn(async move {
            sleep(takes).await;
            if host.is_still(&version) {
                host.booted(&version.id);
            }
        });
        Ok(starting)
    }

    /// Begins a stop, which cuts off every connection of the machine.
    pub fn stop(self: &Arc<Self>, id: &MachineId) -> Answer<Machine> {
        let machine = self.get(id)?;
        match machine.state {
            state if state.is_gone() => return Err(wrong_state(state)),
            state if !state.can_stop() => return Ok(machine),
            _ => self.note("stop", id),
        }
        let takes = self.with(id, |entry| {
            entry.server = None;
            entry.plan.stop_takes
        })?;
        let stopping = self.change(id, |machine| machine.state = MachineState::Stopping)?;
        let (host, version) = (self.clone(), stopping.clone());
        tokio::spawn(async move {
            sleep(takes).await;
            if host.is_still(&version) {
                host.ended(&version.id, exit(0, true));
            }
        });
        Ok(stopping)
    }

    /// Stops and starts again, at once.
    pub fn restart(self: &Arc<Self>, id: &MachineId) -> Answer<Machine> {
        let state = self.get(id)?.state;
        if !state.can_stop() {
            return self.start(id);
        }
        self.note("restart", id);
        self.with(id, |entry| entry.server = None)?;
        self.ended(id, exit(0, true));
        self.boot(id)
    }

    /// Whatever the signal is, the machine's process ends of it, and starts again.
    pub fn signal(self: &Arc<Self>, id: &MachineId) -> Answer<()> {
        let state = self.get(id)?.state;
        if state != MachineState::Started {
            return Err(wrong_state(state));
        }
        self.note("signal", id);
        self.with(id, |entry| entry.server = None)?;
        self.ended(id, exit(137, false));
        self.boot(id).map(drop)
    }

    /// Begins a suspend, which takes as long as a stop. What its app knows is in the app's router, which stays.
    pub fn suspend(self: &Arc<Self>, id: &MachineId) -> Answer<Machine> {
        let machine = self.get(id)?;
        match machine.state {
            MachineState::Suspending | MachineState::Suspended => return Ok(machine),
            state if !state.can_suspend() => return Err(wrong_state(state)),
            _ => self.note("suspend", id),
        }
        let takes = self.with(id, |entry| {
            entry.server = None;
            entry.plan.stop_takes
        })?;
        let suspending = self.change(id, |machine| {
            machine.state = MachineState::Suspending;
            machine.events.insert(0, event("suspend", "suspending", None));
        })?;
        let (host, version) = (self.clone(), suspending.clone());
        tokio::spawn(async move {
            sleep(takes).await;
            if host.is_still(&version) {
                let _ = host.change(&version.id, |machine| machine.state = MachineState::Suspended);
            }
        });
        Ok(suspending)
    }

    /// Sockets that its guest would report.
    pub fn listeners(&self, id: &MachineId) -> Answer<Vec<Listener>> {
        self.with(id, |entry| {
            let (address, port) = match entry.plan.outcome {
                _ if entry.machine.state != MachineState::Started => return Vec::new(),
                Outcome::ListensElsewhere => ("127.0.0.1", 3000),
                Outcome::Serves { .. } if entry.server.is_some() => ("0.0.0.0", service_port(entry)),
                _ => return Vec::new(),
            };
            let (protocol, address, command) = ("tcp".to_owned(), address.to_owned(), "app".to_owned());
            vec![Listener { protocol, address, port, pid: 2, command }]
        })
    }

    /// The processes run; the app listens now, later or never.
    pub fn running(self: &Arc<Self>, id: &MachineId) {
        match self.with(id, |entry| entry.plan.outcome) {
            Ok(Outcome::Serves { after: Duration::ZERO }) => self.listen(id),
            Ok(Outcome::Serves { after }) => {
                let (host, id) = (self.clone(), id.clone());
                tokio::spawn(async move {
                    sleep(after).await;
                    host.listen(&id);
                });
            }
            _ => {}
        }
        let _ = self.change(id, |machine| {
            machine.state = MachineState::Started;
            machine.started_at = Some(Timestamp::now());
            machine.events.insert(0, event("start", "started", None));
        });
    }

    fn booted(self: &Arc<Self>, id: &MachineId) {
        match self.with(id, |entry| entry.plan.outcome) {
            Ok(Outcome::Hangs) | Err(_) => {}
            Ok(Outcome::Exits { code }) => self.ended(id, exit(code, false)),
            Ok(Outcome::OutOfMemory) => self.ended(id, ExitEvent { oom_killed: true, ..exit(137, false) }),
            Ok(Outcome::Serves { .. } | Outcome::ServedByOthers | Outcome::ListensElsewhere) => {
                self.running(id);
                let _ = self.change(id, |machine| machine.checks = passing(&machine.config));
            }
        }
    }

    fn listen(&self, id: &MachineId) {
        let _ = self.with(id, |entry| {
            let address = (entry.machine.ipv4, service_port(entry)).into();
            entry.server =
                Some(AppServer::start(address, entry.plan.router.clone()).expect("a loopback port"));
        });
    }

    fn ended(&self, id: &MachineId, exit: ExitEvent) {
        let _ = self.change(id, |machine| {
            machine.state = MachineState::Stopped;
            machine.events.insert(0, event("exit", "stopped", Some(exit)));
        });
    }

    /// Nothing else has happened to the machine since.
    fn is_still(&self, then: &Machine) -> bool {
        let same = |now: Machine| now.state == then.state && now.instance_id == then.instance_id;
        self.get(&then.id).is_ok_and(same)
    }
}

/// Every check of a machine that runs passes at once.
fn passing(config: &MachineConfig) -> Vec<CheckStatus> {
    let of_services = config
        .services
        .iter()
        .flat_map(|service| service.checks.iter().map(|check| (service.internal_port, check.port)));
    let status = |(index, (port, own)): (usize, (u16, Option<u16>))| CheckStatus {
        name: format!("servicecheck-{index:02}-http-{}", own.unwrap_or(port)),
        status: CheckResult::Passing,
        output: "200 OK".to_owned(),
        updated_at: Timestamp::now(),
    };
    of_services.enumerate().map(status).collect()
}

fn service_port(entry: &Entry) -> u16 {
    entry.machine.config.services.first().map_or(0, |service| service.internal_port)
}

fn exit(code: i32, requested_stop: bool) -> ExitEvent {
    ExitEvent {
        exit_code: code,
        guest_exit_code: code,
        guest_signal: -1,
        signal: -1,
        oom_killed: false,
        requested_stop,
        restarting: false,
        exited_at: Timestamp::now(),
    }
}
