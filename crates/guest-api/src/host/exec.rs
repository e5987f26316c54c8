//! A process that the host runs beside the machine's own, with its streams.
//!
//! Both directions work on credit: a sender spends the cost of a chunk from [`EXEC_WINDOW`] and gets it
//! back when the consumer has taken the chunk. So a slow terminal or a process that does not read its
//! stdin stops its own stream and nothing else.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use tokio::sync::{Semaphore, mpsc};

use super::{GuestClient, GuestError};
use crate::{
    HostMessage, LogStream, TerminalSize,
    channel::{EXEC_CHUNK, EXEC_WINDOW, chunk_cost},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecEvent {
    Started {
        pid: i32,
    },
    /// A terminal has only `Stdout`.
    Output {
        stream: LogStream,
        data: Vec<u8>,
    },
    /// The last event. -1 for what does not apply.
    Exited {
        code: i32,
        signal: i32,
    },
    /// The last event: it did not start.
    Failed {
        reason: String,
    },
}

/// An exec under way.
#[derive(Debug)]
pub struct ExecSession {
    pub events: ExecEvents,
    pub input: ExecInput,
}

impl ExecSession {
    pub(super) fn new(
        client: GuestClient,
        exec: u32,
        received: mpsc::Receiver<ExecEvent>,
        credit: Arc<Semaphore>,
    ) -> ExecSession {
        let events = ExecEvents { client: client.clone(), exec, received, taken: 0 };
        ExecSession { events, input: ExecInput { client, exec, credit } }
    }
}

/// What an exec says. Dropping it kills the process, if it still runs.
#[derive(Debug)]
pub struct ExecEvents {
    client: GuestClient,
    exec: u32,
    received: mpsc::Receiver<ExecEvent>,
    /// Cost taken since the guest was last told.
    taken: usize,
}

impl ExecEvents {
    /// The next event; nothing after the last one, or when the connection ended.
    pub async fn next(&mut self) -> Option<ExecEvent> {
        // Told before waiting, so that the guest is never left without credit by an unsent rest.
        if self.taken >= EXEC_WINDOW / 4 {
            let cost = self.taken as u64;
            self.taken = 0;
            self.client.send(HostMessage::ExecOutputTaken { exec: self.exec, cost }).await.ok()?;
        }
        let event = self.received.recv().await?;
        if let ExecEvent::Output { data, .. } = &event {
            self.taken += chunk_cost(data.len());
        }
        Some(event)
    }
}

impl Drop for ExecEvents {
    fn drop(&mut self) {
        let (client, exec) = (self.client.clone(), self.exec);
        let ended = self.received.is_closed() && self.received.is_empty();
        client.waiting().forget_exec(exec);
        if let (false, Ok(runtime)) = (ended, tokio::runtime::Handle::try_current()) {
            const SIGKILL: i32 = 9;
            runtime.spawn(async move {
                // Fails only when the connection has ended, which kills the process as well.
                let _closed = client.send(HostMessage::ExecSignal { exec, signal: SIGKILL }).await;
            });
        }
    }
}

/// What an exec is told; clones share it.
#[derive(Debug, Clone)]
pub struct ExecInput {
    client: GuestClient,
    exec: u32,
    credit: Arc<Semaphore>,
}

impl ExecInput {
    /// Writes to stdin (or the terminal); waits while the process does not read.
    pub async fn write(&self, data: &[u8]) -> Result<(), GuestError> {
        for chunk in data.chunks(EXEC_CHUNK) {
            let cost = u32::try_from(chunk_cost(chunk.len())).unwrap_or(u32::MAX);
            let credit = self.credit.acquire_many(cost).await.map_err(|_| GuestError::Closed)?;
            credit.forget();
            self.input(BASE64_STANDARD.encode(chunk)).await?;
        }
        Ok(())
    }

    /// Closes stdin; a terminal gets an end-of-file character.
    pub async fn close(&self) -> Result<(), GuestError> {
        self.input(String::new()).await
    }

    pub async fn resize(&self, size: TerminalSize) -> Result<(), GuestError> {
        let TerminalSize { rows, cols } = size;
        self.client.send(HostMessage::ExecResize { exec: self.exec, rows, cols }).await
    }

    /// To the process and its group.
    pub async fn signal(&self, signal: i32) -> Result<(), GuestError> {
        self.client.send(HostMessage::ExecSignal { exec: self.exec, signal }).await
    }

    async fn input(&self, data: String) -> Result<(), GuestError> {
        self.client.send(HostMessage::ExecInput { exec: self.exec, data }).await
    }
}

pub(super) fn decode(data: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(data).ok()
}
