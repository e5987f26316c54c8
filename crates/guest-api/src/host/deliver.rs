//! Who waits for what, and the hand-over of each message to them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{
    ApiOpened, GuestClient, GuestError, GuestEvent,
    exec::{ExecEvent, ExecSession},
};
use crate::{
    GuestMessage, Listener, MemoryInfo, ProcessInfo, VolumeAnswer,
    channel::{CHUNK_OVERHEAD, EXEC_WINDOW, LOG_WINDOW, MAX_API_STREAMS},
};

/// Events that fit unread: all log records that may be unacknowledged, and the few others there are.
pub const EVENT_ROOM: usize = LOG_WINDOW + 64;

/// Output chunks that fit unread are as many as the credit allows, beside start and end.
const EXEC_EVENT_ROOM: usize = EXEC_WINDOW / CHUNK_OVERHEAD + 8;

/// Connections to the api that one guest may seem to have: those of which its end is over may not be here.
const API_ROOM: usize = 4 * MAX_API_STREAMS;

/// Questions and execs of one guest at a time: beyond what people do at once, below what hurts a guest.
const MAX_WAITING: usize = 128;

/// The answer to a question.
#[derive(Debug)]
pub enum Answer {
    Listeners(Vec<Listener>),
    Processes(Vec<ProcessInfo>),
    Memory(MemoryInfo),
    Volume(VolumeAnswer),
    Synced,
}

/// Who waits for messages of one connection.
#[derive(Debug, Default)]
pub struct Waiting {
    next_id: AtomicU32,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    closed: bool,
    questions: HashMap<u32, oneshot::Sender<Answer>>,
    execs: HashMap<u32, Exec>,
    apis: HashMap<u32, Api>,
}

/// A connection of the guest to the api.
#[derive(Debug)]
struct Api {
    data: mpsc::Sender<Vec<u8>>,
    /// Cost that may be sent to the guest.
    credit: Arc<Semaphore>,
}

#[derive(Debug)]
struct Exec {
    events: mpsc::Sender<ExecEvent>,
    /// Cost that the host may send to the process's stdin.
    input_credit: Arc<Semaphore>,
}

impl Waiting {
    pub fn open_question(&self, answer: oneshot::Sender<Answer>) -> Result<u32, GuestError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mut open = self.lock_open()?;
        if open.questions.len() >= MAX_WAITING {
            return Err(GuestError::Busy { limit: MAX_WAITING });
        }
        open.questions.insert(id, answer);
        Ok(id)
    }

    pub fn forget_question(&self, id: u32) {
        self.lock().questions.remove(&id);
    }

    pub fn open_exec(&self, client: GuestClient) -> Result<(u32, ExecSession), GuestError> {
        let exec = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (events, received) = mpsc::channel(EXEC_EVENT_ROOM);
        let input_credit = Arc::new(Semaphore::new(EXEC_WINDOW));
        let mut open = self.lock_open()?;
        if open.execs.len() >= MAX_WAITING {
            return Err(GuestError::Busy { limit: MAX_WAITING });
        }
        open.execs.insert(exec, Exec { events, input_credit: input_credit.clone() });
        drop(open);
        Ok((exec, ExecSession::new(client, exec, received, input_credit)))
    }

    /// `None` when the guest has too many.
    fn open_api(&self, stream: u32) -> Option<ApiOpened> {
        let (data, received) = mpsc::channel(EXEC_EVENT_ROOM);
        let credit = Arc::new(Semaphore::new(EXEC_WINDOW));
        let mut open = self.lock();
        if open.apis.len() >= API_ROOM || open.apis.contains_key(&stream) {
            return None;
        }
        open.apis.insert(stream, Api { data, credit: credit.clone() });
        Some(ApiOpened { stream, received, credit })
    }

    pub fn forget_api(&self, stream: u32) {
        if let Some(api) = self.lock().apis.remove(&stream) {
            api.credit.close();
        }
    }

    pub fn forget_exec(&self, exec: u32) {
        if let Some(exec) = self.lock().execs.remove(&exec) {
            exec.input_credit.close();
        }
    }

    fn lock_open(&self) -> Result<MutexGuard<'_, Open>, GuestError> {
        let open = self.lock();
        if open.closed { Err(GuestError::Closed) } else { Ok(open) }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reader's side of it.
pub struct Delivery {
    events: mpsc::Sender<GuestEvent>,
    waiting: Arc<Waiting>,
    end: Option<&'static str>,
}

impl Delivery {
    pub fn new(events: mpsc::Sender<GuestEvent>, waiting: Arc<Waiting>) -> Delivery {
        Delivery { events, waiting, end: None }
    }

    pub fn is_open(&self) -> bool {
        self.end.is_none()
    }

    pub fn end_reason(&self) -> String {
        self.end.unwrap_or("the connection ended").to_owned()
    }

    pub fn deliver(&mut self, message: GuestMessage) {
        match message {
            // A second answer to a repeated `Hello`.
            GuestMessage::Hello { .. } => {}
            GuestMessage::Started { pid } => self.event(GuestEvent::Started { pid }),
            GuestMessage::SetupFailed { reason } => self.event(GuestEvent::SetupFailed { reason }),
            GuestMessage::Log { record } => self.event(GuestEvent::Log(record)),
            GuestMessage::LogDropped { first_seq, count, bytes } => {
                self.event(GuestEvent::LogDropped { first_seq, count, bytes });
            }
            GuestMessage::Exited { report } => self.event(GuestEvent::Exited(report)),
            GuestMessage::ExecStarted { exec, pid } => self.exec(exec, ExecEvent::Started { pid }),
            GuestMessage::ExecOutput { exec, stream, data } => match super::exec::decode(&data) {
                Some(data) => self.exec(exec, ExecEvent::Output { stream, data }),
                None => self.end = Some("the guest sent output that is not base64"),
            },
            GuestMessage::ExecInputTaken { exec, cost } => self.input_taken(exec, cost),
            GuestMessage::ExecExited { exec, code, signal } => {
                self.exec(exec, ExecEvent::Exited { code, signal });
                self.waiting.forget_exec(exec);
            }
            GuestMessage::ExecFailed { exec, reason } => {
                self.exec(exec, ExecEvent::Failed { reason });
                self.waiting.forget_exec(exec);
            }
            GuestMessage::ApiOpened { stream } => match self.waiting.open_api(stream) {
                Some(opened) => self.event(GuestEvent::ApiOpened(opened)),
                None => self.end = Some("the guest opened more connections to the api than it may"),
            },
            GuestMessage::ApiSent { stream, data } => match super::exec::decode(&data) {
                Some(data) => self.api_sent(stream, data),
                None => self.end = Some("the guest sent data for the api that is not base64"),
            },
            GuestMessage::ApiTaken { stream, cost } => {
                if let Some(api) = self.waiting.lock().apis.get(&stream) {
                    give_back(&api.credit, cost);
                }
            }
            GuestMessage::ApiClosed { stream } => self.waiting.forget_api(stream),
            GuestMessage::Listeners { id, listeners } => self.answer(id, Answer::Listeners(listeners)),
            GuestMessage::Processes { id, processes } => self.answer(id, Answer::Processes(processes)),
            GuestMessage::Memory { id, memory } => self.answer(id, Answer::Memory(memory)),
            GuestMessage::Volume { id, answer } => self.answer(id, Answer::Volume(answer)),
            GuestMessage::Synced { id } => self.answer(id, Answer::Synced),
        }
    }

    /// Tells all who wait that nothing more comes.
    pub fn close(self, reason: String) {
        let mut open = self.waiting.lock();
        open.closed = true;
        open.questions.clear();
        for (_, exec) in open.execs.drain() {
            exec.input_credit.close();
        }
        for (_, api) in open.apis.drain() {
            api.credit.close();
        }
        drop(open);
        let events = self.events;
        // The one event that may have to wait for room; nobody waits for this task.
        tokio::spawn(async move { events.send(GuestEvent::Closed { reason }).await });
    }

    fn event(&mut self, event: GuestEvent) {
        match self.events.try_send(event) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Closed(_)) => {
                self.end = Some("the host closed the connection");
            }
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.end = Some("the guest sent more log records than it may before an acknowledgement");
            }
        }
    }

    fn exec(&mut self, exec: u32, event: ExecEvent) {
        let open = self.waiting.lock();
        let Some(entry) = open.execs.get(&exec) else {
            // Nobody waits any more.
            return;
        };
        if let Err(mpsc::error::TrySendError::Full(_)) = entry.events.try_send(event) {
            self.end = Some("the guest sent more output of an exec than its credit");
        }
    }

    fn api_sent(&mut self, stream: u32, data: Vec<u8>) {
        let open = self.waiting.lock();
        let Some(api) = open.apis.get(&stream) else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = api.data.try_send(data) {
            self.end = Some("the guest sent more data for the api than its credit");
        }
    }

    fn input_taken(&mut self, exec: u32, cost: u64) {
        let open = self.waiting.lock();
        let Some(entry) = open.execs.get(&exec) else { return };
        give_back(&entry.input_credit, cost);
    }

    fn answer(&mut self, id: u32, answer: Answer) {
        if let Some(question) = self.waiting.lock().questions.remove(&id) {
            // The one who asked may have given up meanwhile.
            let _gone = question.send(answer);
        }
    }
}

/// Never more than was taken, whatever the guest says.
fn give_back(credit: &Semaphore, cost: u64) {
    let used = EXEC_WINDOW.saturating_sub(credit.available_permits());
    credit.add_permits(used.min(usize::try_from(cost).unwrap_or(usize::MAX)));
}
