//! The host's line to one guest, kept open across breaks.
//!
//! A task of its own connects, connects again when the connection ends (the VMM may outlive many),
//! writes the guest's output to the logs and acknowledges it, and passes on what the owner has to
//! know. The owner's handle is [`Line`]; dropping it ends the task, not the guest.

mod api_relay;
mod output;

use std::{sync::Arc, time::Duration};

use roost_guest_api::{ExitReport, GuestClient, GuestError, GuestEvent, Phase};
use roost_model::{AppName, MachineId};
use tokio::sync::{mpsc, watch};

use self::{api_relay::Relays, output::Output};
use crate::{context::Context, job::Job, seams::Vm};

/// Between two tries to connect: a guest that boots is reached soon after it can be.
const CONNECT_AGAIN: Duration = Duration::from_millis(50);

/// A connection whose guest does not answer for this long is tried anew. A guest that boots answers
/// late, so that this is the longest pause after which the first word is asked for again.
const HELLO_TIMEOUT: Duration = Duration::from_secs(30);

/// The few events of a guest's life.
const EVENT_ROOM: usize = 16;

/// What an owner has to know.
#[derive(Debug)]
pub enum LineEvent {
    /// A connection is open, and the guest is in this phase.
    Connected(Phase),
    Started,
    SetupFailed(String),
    Exited(ExitReport),
}

/// A stop that is told to the guest in every connection until it ends.
pub type StopOrder = (i32, Duration);

pub struct Line {
    client: watch::Receiver<Option<GuestClient>>,
    events: mpsc::Receiver<LineEvent>,
    stop: watch::Sender<Option<StopOrder>>,
    _task: Job<()>,
}

/// Whose line it is.
#[derive(Clone)]
pub struct Identity {
    pub app: AppName,
    pub machine: MachineId,
    pub boot: u64,
}

impl Line {
    pub fn open(ctx: Arc<Context>, vm: Arc<dyn Vm>, who: Identity) -> Self {
        let (client_sender, client) = watch::channel(None);
        let (event_sender, events) = mpsc::channel(EVENT_ROOM);
        let (stop, stop_orders) = watch::channel(None);
        let relays = Relays::new(ctx.config.api_socket.clone(), who.clone());
        let task =
            LineTask { ctx, vm, who, client: client_sender, events: event_sender, stop: stop_orders, relays };
        Self { client, events, stop, _task: Job::spawn(task.run()) }
    }

    /// The next thing that the owner has to know.
    pub async fn next(&mut self) -> LineEvent {
        match self.events.recv().await {
            Some(event) => event,
            // The task lives as long as this handle.
            None => std::future::pending().await,
        }
    }

    /// The open connection, if there is one at the moment.
    pub fn client(&self) -> Option<GuestClient> {
        self.client.borrow().clone()
    }

    /// Tells the guest to end its processes: now, and again after each break.
    pub fn stop(&self, signal: i32, timeout: Duration) {
        self.stop.send_replace(Some((signal, timeout)));
    }
}

struct LineTask {
    ctx: Arc<Context>,
    vm: Arc<dyn Vm>,
    who: Identity,
    client: watch::Sender<Option<GuestClient>>,
    events: mpsc::Sender<LineEvent>,
    stop: watch::Receiver<Option<StopOrder>>,
    /// Those of the current connection.
    relays: Relays,
}

impl LineTask {
    async fn run(mut self) {
        let mut output = Output::resume(self.ctx.logs.clone(), self.who.clone()).await;
        loop {
            match self.connect(output.acked()).await {
                Ok((client, mut events)) => {
                    let ended = self.serve(&client, &mut events, &mut output).await;
                    self.client.send_replace(None);
                    self.relays.end();
                    tracing::debug!(machine = %self.who.machine, reason = ended, "guest connection ended");
                }
                Err(reason) => {
                    tracing::debug!(machine = %self.who.machine, reason, "guest not reached");
                }
            }
            tokio::time::sleep(CONNECT_AGAIN).await;
        }
    }

    async fn connect(&mut self, acked: u64) -> Result<(GuestClient, mpsc::Receiver<GuestEvent>), String> {
        let stream = self.vm.connect_guest().await.map_err(|e| e.to_string())?;
        let hello = GuestClient::connect(stream, self.ctx.next_session(), acked);
        let (client, hello, events) = tokio::time::timeout(HELLO_TIMEOUT, hello)
            .await
            .map_err(|_| "no answer".to_owned())?
            .map_err(|e| e.to_string())?;
        self.client.send_replace(Some(client.clone()));
        self.tell(LineEvent::Connected(hello.phase)).await;
        Ok((client, events))
    }

    /// Serves one connection; returns why it ended.
    async fn serve(
        &mut self,
        client: &GuestClient,
        events: &mut mpsc::Receiver<GuestEvent>,
        output: &mut Output,
    ) -> String {
        self.stop.mark_changed();
        loop {
            let event = tokio::select! {
                Ok(()) = self.stop.changed() => {
                    let order = *self.stop.borrow_and_update();
                    if let Some((signal, timeout)) = order
                        && let Err(error) = client.stop(signal, timeout).await
                    {
                        return error.to_string();
                    }
                    continue;
                }
                event = events.recv() => event,
            };
            let Some(event) = event else { return "no more events".to_owned() };
            match self.take(event, client, events, output).await {
                Ok(None) => {}
                Ok(Some(ended)) => return ended,
                Err(error) => return error.to_string(),
            }
        }
    }

    async fn take(
        &mut self,
        event: GuestEvent,
        client: &GuestClient,
        events: &mut mpsc::Receiver<GuestEvent>,
        output: &mut Output,
    ) -> Result<Option<String>, GuestError> {
        match event {
            GuestEvent::Log(_) | GuestEvent::LogDropped { .. } => {
                // The first event after the lines that wait, if one was taken with them.
                let next = output.take(event, events).await;
                client.ack_log(output.acked()).await?;
                if let Some(next) = next {
                    return Box::pin(self.take(next, client, events, output)).await;
                }
            }
            GuestEvent::Started { .. } => self.tell(LineEvent::Started).await,
            GuestEvent::SetupFailed { reason } => self.tell(LineEvent::SetupFailed(reason)).await,
            GuestEvent::Exited(report) => self.tell(LineEvent::Exited(report)).await,
            GuestEvent::ApiOpened(opened) => self.relays.begin(client, opened),
            GuestEvent::Closed { reason } => return Ok(Some(reason)),
        }
        Ok(None)
    }

    async fn tell(&self, event: LineEvent) {
        // Fails when the owner dropped the line, which ends this task.
        let _ = self.events.send(event).await;
    }
}
