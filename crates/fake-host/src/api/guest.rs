//! What the real host asks a guest for: made up here.

use axum::{
    Json,
    extract::{Path, Query, State},
};
use jiff::Timestamp;
use roost_guest_api::{Listener, MemoryInfo, ProcessInfo};
use roost_host_api::{AppendLog, ExecMachine, ExecResult, LogLine, LogQuery, Machine};

use super::{Answer, Host, Id};

/// Says what it was told: the words of the command, and its input.
pub async fn exec(State(host): Host, Path(id): Id, Json(exec): Json<ExecMachine>) -> Answer<ExecResult> {
    host.get(&id)?;
    let stdout = format!("{}|{}", exec.argv.join(","), exec.stdin);
    Ok(Json(ExecResult { exit_code: 0, exit_signal: 0, stdout, stderr: String::new(), truncated: false }))
}

pub async fn listeners(State(host): Host, Path(id): Id) -> Answer<Vec<Listener>> {
    Ok(Json(host.listeners(&id)?))
}

pub async fn processes(State(host): Host, Path(id): Id) -> Answer<Vec<ProcessInfo>> {
    host.started(&id)?;
    Ok(Json(vec![ProcessInfo {
        pid: 2,
        ppid: 1,
        command: "app".to_owned(),
        state: "S".to_owned(),
        rss_bytes: 4096,
        cpu_ms: 10,
        start_unix_ns: 0,
    }]))
}

/// Half of it is taken.
pub async fn memory(State(host): Host, Path(id): Id) -> Answer<MemoryInfo> {
    let machine = host.started(&id)?;
    let total_bytes = machine.config.guest().map_or(0, |guest| u64::from(guest.memory_mb) << 20);
    Ok(Json(MemoryInfo { total_bytes, available_bytes: total_bytes / 2 }))
}

/// Nobody says anything of themselves.
pub async fn metrics() -> Json<String> {
    Json(String::new())
}

pub async fn append_log(State(host): Host, Json(lines): Json<AppendLog>) -> Json<()> {
    host.append_log(lines);
    Json(())
}

/// One line for each machine.
pub async fn logs(State(host): Host, Query(query): Query<LogQuery>) -> String {
    let of_query = |machine: &Machine| query.machine.as_ref().is_none_or(|id| *id == machine.id);
    let machines = host.machines().into_iter().filter(|m| m.app.as_str() == query.app && of_query(m));
    let line = |(cursor, machine): (usize, Machine)| LogLine {
        cursor: cursor as u64 + 1,
        timestamp: Timestamp::now(),
        message: format!("hello from {}", machine.id),
        app: machine.app,
        machine: machine.id,
        region: machine.region,
        process: "app".to_owned(),
        stream: "stdout".to_owned(),
    };
    let lines = machines.enumerate().map(line);
    let lines = lines.filter(|line| query.after.is_none_or(|after| line.cursor > after));
    lines.map(|line| serde_json::to_string(&line).expect("JSON") + "\n").collect()
}
