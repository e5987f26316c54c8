//! What can be asked of an owner, and the handle by which it is asked.

use std::sync::Arc;

use roost_guest_api::GuestClient;
use roost_host_api::{
    Cause, DestroyMachine, ErrorBody, ErrorCode, Lease, LeaseRequest, Machine, SetMetadata, SignalMachine,
    StopMachine, UpdateMachine,
};
use roost_model::MachineId;
use tokio::sync::{mpsc, oneshot};

use super::Owner;
use crate::{context::refuse, seams::Vm};

pub type Reply<T> = oneshot::Sender<Result<T, ErrorBody>>;
type Shown = Arc<Machine>;

pub enum Command {
    Start(Cause, Reply<Shown>),
    Stop(StopMachine, Reply<Shown>),
    Suspend(Cause, Reply<Shown>),
    Restart(StopMachine, Reply<Shown>),
    Signal(SignalMachine, Reply<()>),
    Cordon(Cause, Reply<Shown>),
    Uncordon(Cause, Reply<Shown>),
    SetMetadata(SetMetadata, Reply<Shown>),
    Update(Box<UpdateMachine>, Reply<Shown>),
    Destroy(DestroyMachine, Reply<Shown>),
    TakeLease(LeaseRequest, Reply<Lease>),
    Lease(Reply<Lease>),
    ReleaseLease(String, Reply<()>),
    /// The connection to the machine's guest.
    Guest(Reply<GuestClient>),
    /// The VMM that runs, and the connection to its guest.
    Running(Reply<(Arc<dyn Vm>, GuestClient)>),
}

/// A cheap handle; the owner ends with the last of them.
#[derive(Clone)]
pub struct Handle {
    id: MachineId,
    mailbox: mpsc::Sender<Command>,
}

impl Handle {
    pub fn new(id: MachineId, mailbox: mpsc::Sender<Command>) -> Self {
        Self { id, mailbox }
    }

    /// Asks, and waits for the answer: as soon as the first step is recorded.
    pub async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, ErrorBody> {
        let (reply, answer) = oneshot::channel();
        let gone = || refuse(ErrorCode::WrongState, format!("machine {} is destroyed", self.id));
        self.mailbox.send(command(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Owner {
    pub(super) async fn handle(&mut self, command: Command) {
        match command {
            Command::Start(cause, reply) => answer(reply, self.start(&cause).await),
            Command::Stop(stop, reply) => answer(reply, self.stop(&stop).await),
            Command::Suspend(cause, reply) => answer(reply, self.suspend(&cause).await),
            Command::Restart(stop, reply) => answer(reply, self.restart(&stop).await),
            Command::Signal(signal, reply) => answer(reply, self.signal(&signal).await),
            Command::Cordon(cause, reply) => answer(reply, self.set_cordoned(&cause, true).await),
            Command::Uncordon(cause, reply) => answer(reply, self.set_cordoned(&cause, false).await),
            Command::SetMetadata(change, reply) => answer(reply, self.set_metadata(&change).await),
            Command::Update(update, reply) => answer(reply, self.update(*update).await),
            Command::Destroy(destroy, reply) => answer(reply, self.destroy(&destroy).await),
            Command::TakeLease(request, reply) => answer(reply, self.take_lease(request).await),
            Command::Lease(reply) => answer(reply, self.lease()),
            Command::ReleaseLease(nonce, reply) => answer(reply, self.release_lease(&nonce).await),
            Command::Guest(reply) => answer(reply, self.guest().map(|(_, client)| client)),
            Command::Running(reply) => answer(reply, self.guest()),
        }
    }

    fn guest(&self) -> Result<(Arc<dyn Vm>, GuestClient), ErrorBody> {
        let running = self.activity.running();
        let guest = running.and_then(|running| Some((running.vm.clone(), running.line.client()?)));
        guest.ok_or_else(|| {
            let (id, state) = (&self.record.id, self.record.state);
            let text = format!("machine {id} is {state}: nothing in it answers; start it first");
            refuse(ErrorCode::GuestUnavailable, text)
        })
    }

    pub(super) fn wrong_state(&self, wanted: &str) -> ErrorBody {
        let (id, state) = (&self.record.id, self.record.state);
        refuse(ErrorCode::WrongState, format!("machine {id} is {state} and can not be {wanted}"))
    }
}

fn answer<T>(reply: Reply<T>, result: Result<T, ErrorBody>) {
    // A caller that went away does not undo what was done.
    let _ = reply.send(result);
}
