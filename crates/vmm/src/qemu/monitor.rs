//! The task that stands by one QEMU from start (or adoption) to end.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    args::disk_node,
    qmp::{Event, Qmp},
    snapshot,
};
use crate::{
    CONSOLE_BYTES, ExitCause, VmmError,
    output::Output,
    vm::{MonitorSide, Request},
};

/// What QEMU says of itself at first contact.
pub(super) struct State {
    /// The guest's agent has opened its port.
    pub guest_ready: bool,
    /// The guest ended while no agent watched; QEMU waits to be told to quit.
    pub guest_ended: bool,
    /// A snapshot is to be loaded, or was loaded in part.
    pub awaits_snapshot: bool,
}

impl State {
    pub async fn query(qmp: &mut Qmp) -> Result<Self, VmmError> {
        let status = qmp.execute("query-status", json!({})).await?;
        let chardevs = qmp.execute("query-chardev", json!({})).await?;
        let guest = chardevs.as_array().into_iter().flatten().find(|c| c["label"] == "guest");
        Ok(Self {
            guest_ready: guest.is_some_and(|c| c["frontend-open"] == true),
            guest_ended: status["status"] == "shutdown",
            awaits_snapshot: status["status"] == "inmigrate",
        })
    }
}

pub(super) async fn run(mut qmp: Qmp, mut side: MonitorSide, mut output: Output, state: State) {
    let mut announced = None;
    if state.guest_ended {
        announced = Some(ExitCause::Unknown);
        let_go(&mut qmp, &side).await;
    }
    let process = side.process.clone();
    let ended = process.wait();
    tokio::pin!(ended);
    let mut listening = true;
    let ended = loop {
        tokio::select! {
            ended = &mut ended => break ended,
            event = qmp.event(), if listening => match event {
                Ok(event) => announced = announced.or(handle(&event, &mut qmp, &side).await),
                // The end of the process, or its refusal to speak: either way the process tells the rest.
                Err(_) => listening = false,
            },
            Some(request) = side.requests.recv() => obey(request, &mut qmp, &side).await,
        }
    };
    // A SHUTDOWN that was still on its way when the process ended.
    while listening && let Ok(event) = qmp.event().await {
        announced = announced.or(handle(&event, &mut qmp, &side).await);
    }
    side.finish(ended, announced, &output.take());
}

/// One after the other. Whoever asked and went away does not undo it.
async fn obey(request: Request, qmp: &mut Qmp, side: &MonitorSide) {
    match request {
        Request::Console(done) => {
            read_console(qmp, side).await;
            drop(done);
        }
        Request::Pause(reply) => drop(reply.send(snapshot::pause(qmp).await)),
        Request::Save(folder, limit, reply) => {
            // What the console says would be lost with this VMM.
            read_console(qmp, side).await;
            drop(reply.send(snapshot::save(qmp, &folder, limit).await));
        }
        Request::Load(folder, reply) => drop(reply.send(snapshot::load(qmp, &folder).await)),
        Request::GoOn(reply) => drop(reply.send(snapshot::go_on(qmp).await)),
        Request::ResizeDisk(serial, bytes, reply) => {
            let arguments = json!({ "node-name": disk_node(&serial), "size": bytes });
            drop(reply.send(qmp.execute("block_resize", arguments).await.map(drop)));
        }
    }
}

async fn handle(event: &Event, qmp: &mut Qmp, side: &MonitorSide) -> Option<ExitCause> {
    match event.name.as_str() {
        "VSERPORT_CHANGE" => {
            side.guest_ready.send_replace(event.data["open"] == true);
            None
        }
        "SHUTDOWN" => {
            let cause = cause(&event.data);
            let_go(qmp, side).await;
            cause
        }
        _ => None,
    }
}

/// By the `reason` of a SHUTDOWN event; `None` leaves it to how the process ends.
fn cause(data: &Value) -> Option<ExitCause> {
    match data["reason"].as_str()? {
        "guest-shutdown" => Some(ExitCause::PoweredOff),
        "guest-reset" | "guest-panic" | "subsystem-reset" => Some(ExitCause::Reset),
        "host-signal" | "host-qmp-quit" => Some(ExitCause::Killed),
        _ => None,
    }
}

/// Reads the last of the console and lets QEMU go. Errors mean that it has gone already.
async fn let_go(qmp: &mut Qmp, side: &MonitorSide) {
    read_console(qmp, side).await;
    if qmp.execute("quit", json!({})).await.is_err() {
        side.process.kill();
    }
}

async fn read_console(qmp: &mut Qmp, side: &MonitorSide) {
    let request = json!({ "device": "console", "size": CONSOLE_BYTES, "format": "base64" });
    if let Ok(Value::String(text)) = qmp.execute("ringbuf-read", request).await
        && let Ok(bytes) = STANDARD.decode(text)
    {
        side.append_console(&bytes);
    }
}
