//! QEMU's control socket: JSON lines, commands one at a time, events in between.
//!
//! Wire format: QEMU Machine Protocol, `docs/interop/qmp-spec.txt` of QEMU. What comes in is
//! not trusted: a VMM that a guest took over writes it.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
    time::Duration,
};

use futures::{SinkExt, StreamExt};
use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{io::Interest, net::UnixStream};
use tokio_util::codec::{Framed, LinesCodec};

use crate::{VmmError, error::Context, socket};

/// The longest answer is a console in base64, 88 KiB.
const MAX_LINE: usize = 256 << 10;

/// QEMU answers these commands in microseconds; under a CPU quota on a busy host it may wait its turn.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Events that wait to be read; QEMU sends a handful in a machine's life.
const MAX_EVENTS: usize = 64;

pub(crate) struct Qmp {
    lines: Framed<UnixStream, LinesCodec>,
    events: VecDeque<Event>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Event {
    #[serde(rename = "event")]
    pub name: String,
    #[serde(default)]
    pub data: Value,
}

impl Qmp {
    /// Connects and ends the negotiation phase.
    pub async fn connect(socket: &Path) -> Result<Self, VmmError> {
        let stream = socket::connect(socket).await.context(|| "connecting to QEMU".into())?;
        let mut qmp = Self {
            lines: Framed::new(stream, LinesCodec::new_with_max_length(MAX_LINE)),
            events: VecDeque::new(),
        };
        let greeting = tokio::time::timeout(ANSWER_TIMEOUT, qmp.read());
        greeting.await.map_err(|_| VmmError::NoAnswer { after: ANSWER_TIMEOUT })??;
        qmp.execute("qmp_capabilities", json!({})).await?;
        Ok(qmp)
    }

    /// Sends a command and waits for its answer; events that come first are kept.
    pub async fn execute(&mut self, command: &str, arguments: Value) -> Result<Value, VmmError> {
        tokio::time::timeout(ANSWER_TIMEOUT, self.exchange(command, arguments))
            .await
            .map_err(|_| VmmError::NoAnswer { after: ANSWER_TIMEOUT })?
    }

    /// Gives QEMU a descriptor, which other commands know by `name`.
    pub async fn give(&mut self, name: &str, descriptor: OwnedFd) -> Result<(), VmmError> {
        let line = format!("{}\n", json!({ "execute": "getfd", "arguments": { "fdname": name } }));
        let given = async {
            send_with(self.lines.get_ref(), line.as_bytes(), descriptor)
                .await
                .map_err(|_| VmmError::Ended)?;
            self.answer("getfd").await.map(drop)
        };
        let given = tokio::time::timeout(ANSWER_TIMEOUT, given).await;
        given.map_err(|_| VmmError::NoAnswer { after: ANSWER_TIMEOUT })?
    }

    async fn exchange(&mut self, command: &str, arguments: Value) -> Result<Value, VmmError> {
        let line = json!({ "execute": command, "arguments": arguments }).to_string();
        self.lines.send(line).await.map_err(|_| VmmError::Ended)?;
        self.answer(command).await
    }

    async fn answer(&mut self, command: &str) -> Result<Value, VmmError> {
        loop {
            let mut message = self.read().await?;
            if let Some(answer) = message.get_mut("return") {
                return Ok(answer.take());
            }
            if let Some(error) = message.get("error") {
                let reason = error["desc"].as_str().unwrap_or("no reason given").to_owned();
                return Err(VmmError::Refused { command: command.to_owned(), reason });
            }
            self.keep_event(message);
        }
    }

    /// The next event. May be cancelled.
    pub async fn event(&mut self) -> Result<Event, VmmError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            let message = self.read().await?;
            self.keep_event(message);
        }
    }

    fn keep_event(&mut self, message: Value) {
        if let Ok(event) = Event::deserialize(message)
            && self.events.len() < MAX_EVENTS
        {
            self.events.push_back(event);
        }
    }

    async fn read(&mut self) -> Result<Value, VmmError> {
        let line = self.lines.next().await.ok_or(VmmError::Ended)?.map_err(|_| VmmError::Ended)?;
        serde_json::from_str(&line)
            .map_err(|e| VmmError::Refused { command: "QMP".into(), reason: e.to_string() })
    }
}

/// A short line and a descriptor in one message (unix(7), SCM_RIGHTS).
async fn send_with(stream: &UnixStream, line: &[u8], descriptor: OwnedFd) -> io::Result<()> {
    let sent = stream.async_io(Interest::WRITABLE, || {
        let descriptors = [descriptor.as_raw_fd()];
        let rights = [ControlMessage::ScmRights(&descriptors)];
        let sent = sendmsg::<UnixAddr>(
            stream.as_raw_fd(),
            &[IoSlice::new(line)],
            &rights,
            MsgFlags::MSG_NOSIGNAL,
            None,
        );
        sent.map_err(io::Error::from)
    });
    if sent.await? == line.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}
