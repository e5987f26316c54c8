//! What goes on in a machine: its processes, its history.

use axum::Json;
use jiff::Timestamp;
use roost_api_types::{ListenSocket, MachineVersion, ProcessStat};
use roost_guest_api::{Listener, ProcessInfo};
use roost_model::MachineEvent;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    error::Result,
    http::{MachinePath, Params},
};

#[derive(Deserialize, JsonSchema)]
pub struct ProcessesQuery {
    /// By which of their figures; by `pid` when absent.
    sort_by: Option<ProcessKey>,
    /// `asc` when absent.
    #[serde(default)]
    order: Order,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ProcessKey {
    Pid,
    Cpu,
    Rss,
    Rtime,
    Stime,
    Command,
}

#[derive(Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Order {
    #[default]
    Asc,
    Desc,
}

pub async fn ps(path: MachinePath, Params(query): Params<ProcessesQuery>) -> Result<Json<Vec<ProcessStat>>> {
    let id = &path.machine.id;
    let (processes, listeners) = tokio::try_join!(path.host.processes(id), path.host.listeners(id))?;
    let mut stats: Vec<_> = processes.iter().map(|process| stat(process, &listeners)).collect();
    sort(&mut stats, query.sort_by.unwrap_or(ProcessKey::Pid));
    if query.order == Order::Desc {
        stats.reverse();
    }
    Ok(Json(stats))
}

fn sort(stats: &mut [ProcessStat], key: ProcessKey) {
    match key {
        ProcessKey::Pid => stats.sort_by_key(|process| process.pid),
        ProcessKey::Cpu => stats.sort_by_key(|process| process.cpu),
        ProcessKey::Rss => stats.sort_by_key(|process| process.rss),
        ProcessKey::Rtime => stats.sort_by_key(|process| process.rtime),
        ProcessKey::Stime => stats.sort_by_key(|process| process.stime),
        ProcessKey::Command => stats.sort_by(|a, b| a.command.cmp(&b.command)),
    }
}

fn stat(process: &ProcessInfo, listeners: &[Listener]) -> ProcessStat {
    let age_ns = Timestamp::now().as_nanosecond() - i128::from(process.start_unix_ns);
    let age_ms = u64::try_from(age_ns / 1_000_000).unwrap_or_default();
    let own = listeners.iter().filter(|listener| listener.pid == process.pid);
    ProcessStat {
        pid: process.pid,
        stime: process.cpu_ms,
        rtime: age_ms / 1000,
        command: process.command.clone(),
        directory: String::new(),
        cpu: (process.cpu_ms * 100).checked_div(age_ms).unwrap_or_default(),
        rss: process.rss_bytes,
        listen_sockets: own
            .map(|listener| ListenSocket {
                proto: listener.protocol.clone(),
                address: listener_address(listener),
            })
            .collect(),
    }
}

/// `address:port`, with brackets around an IPv6 address.
pub fn listener_address(listener: &Listener) -> String {
    let Listener { address, port, .. } = listener;
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

/// Events of an answer when the caller does not say, and at most: hosts keep no more.
const DEFAULT_EVENTS: usize = 20;
const MAX_EVENTS: usize = 50;

#[derive(Deserialize, JsonSchema)]
pub struct EventsQuery {
    /// At most so many; 20 when absent.
    limit: Option<usize>,
}

pub async fn events(path: MachinePath, Params(query): Params<EventsQuery>) -> Json<Vec<MachineEvent>> {
    let mut events = path.machine.events;
    events.truncate(query.limit.unwrap_or(DEFAULT_EVENTS).min(MAX_EVENTS));
    Json(events)
}

/// The configurations that the machine had; the present one first.
pub async fn versions(path: MachinePath) -> Result<Json<Vec<MachineVersion>>> {
    let versions = path.host.versions(&path.machine.id).await?;
    Ok(Json(versions.into_iter().map(MachineVersion::from).collect()))
}
