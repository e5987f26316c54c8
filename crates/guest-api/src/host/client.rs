//! The handle of a connection, and what the guest says without being asked.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{mpsc, oneshot},
};

use super::{
    ApiOpened, GuestError,
    connect::connect,
    deliver::{Answer, Waiting},
    exec::ExecSession,
};
use crate::{
    ExecRequest, ExitReport, HostMessage, Listener, LogRecord, MemoryInfo, Phase, ProcessInfo, RunConfig,
    VolumeAction, VolumeAnswer, VolumeMeasure, channel::MAX_TO_GUEST, frame,
};

/// How long a guest may take for an answer that costs it a look into /proc.
const LISTING_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a guest may take to write its dirty pages.
const SYNC_TIMEOUT: Duration = Duration::from_secs(60);

/// How a guest introduced itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestHello {
    pub kernel: String,
    pub phase: Phase,
}

/// What a guest says without being asked.
#[derive(Debug)]
pub enum GuestEvent {
    /// The processes run; `pid` is the first one's.
    Started {
        pid: i32,
    },
    /// The machine could not be set up; it waits for `ack_exit`, then powers off.
    SetupFailed {
        reason: String,
    },
    Log(LogRecord),
    /// Records `first_seq .. first_seq + count` were dropped in the guest because they were not
    /// acknowledged in time. `bytes` is an estimate after a reconnect.
    LogDropped {
        first_seq: u64,
        count: u64,
        bytes: u64,
    },
    /// Comes after the last log record, and again in every connection until `ack_exit`.
    Exited(ExitReport),
    /// A process of the guest wants to speak to the api; [`GuestClient::api_stream`] takes it up.
    ApiOpened(ApiOpened),
    /// The last event: the connection ended.
    Closed {
        reason: String,
    },
}

/// Handle of a connection to a guest; clones share it.
#[derive(Debug, Clone)]
pub struct GuestClient {
    session: u64,
    outgoing: mpsc::Sender<Vec<u8>>,
    waiting: Arc<Waiting>,
}

impl GuestClient {
    /// Opens session `session` on `stream`; it must differ from every earlier one of this boot.
    /// `acked_log` is the last log sequence that is on the host's disk: later records come again.
    ///
    /// Asks until the guest answers, which a booting guest does late or never: the caller bounds the time.
    pub async fn connect(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        session: u64,
        acked_log: u64,
    ) -> Result<(GuestClient, GuestHello, mpsc::Receiver<GuestEvent>), GuestError> {
        connect(stream, session, acked_log).await
    }

    pub(super) fn new(session: u64, outgoing: mpsc::Sender<Vec<u8>>, waiting: Arc<Waiting>) -> GuestClient {
        GuestClient { session, outgoing, waiting }
    }

    /// Turns a booted guest into a machine. The outcome comes as [`GuestEvent::Started`] or
    /// [`GuestEvent::SetupFailed`]; a guest that has been configured already ignores it.
    pub async fn configure(&self, config: RunConfig) -> Result<(), GuestError> {
        self.send(HostMessage::Configure { config: Box::new(config) }).await
    }

    /// Log records up to and including `seq` are on the host's disk, or their loss is.
    pub async fn ack_log(&self, seq: u64) -> Result<(), GuestError> {
        self.send(HostMessage::AckLog { seq }).await
    }

    /// The exit report, or the failure to set up, is on the host's disk: the guest powers off.
    pub async fn ack_exit(&self) -> Result<(), GuestError> {
        self.send(HostMessage::AckExit).await
    }

    /// Sends `signal` to the machine's processes and kills them after `timeout`. The end comes as
    /// [`GuestEvent::Exited`].
    pub async fn stop(&self, signal: i32, timeout: Duration) -> Result<(), GuestError> {
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self.send(HostMessage::Stop { signal, timeout_ms }).await
    }

    /// Sends `signal` to the machine's processes.
    pub async fn signal(&self, signal: i32) -> Result<(), GuestError> {
        self.send(HostMessage::Signal { signal }).await
    }

    /// `unix_ns`: nanoseconds since 1970, read just before the call.
    pub async fn set_clock(&self, unix_ns: i64) -> Result<(), GuestError> {
        self.send(HostMessage::SetClock { unix_ns }).await
    }

    /// Tells a guest that has just been resumed: `unix_ns` as above, and base64 of random bytes.
    pub async fn resumed(&self, unix_ns: i64, entropy: String) -> Result<(), GuestError> {
        self.send(HostMessage::Resumed { unix_ns, entropy }).await
    }

    /// Flushes the guest's file systems.
    pub async fn sync(&self) -> Result<(), GuestError> {
        match self.ask(SYNC_TIMEOUT, |id| HostMessage::Sync { id }).await? {
            Answer::Synced => Ok(()),
            _ => Err(GuestError::Closed),
        }
    }

    /// Writes what is to be on a volume's disk and holds all further writes, for `timeout` at most.
    pub async fn freeze_volume(&self, serial: &str, timeout: Duration) -> Result<(), GuestError> {
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self.ask_volume(serial, SYNC_TIMEOUT, VolumeAction::Freeze { timeout_ms }).await.map(drop)
    }

    /// Lets writes go on. An error means that they may not have been held until now.
    pub async fn thaw_volume(&self, serial: &str) -> Result<(), GuestError> {
        self.ask_volume(serial, LISTING_TIMEOUT, VolumeAction::Thaw).await.map(drop)
    }

    /// Makes a volume's file system as large as its disk, which has `bytes`.
    pub async fn grow_volume(&self, serial: &str, bytes: u64) -> Result<(), GuestError> {
        self.ask_volume(serial, SYNC_TIMEOUT, VolumeAction::Grow { bytes }).await.map(drop)
    }

    pub async fn measure_volume(&self, serial: &str) -> Result<VolumeMeasure, GuestError> {
        match self.ask_volume(serial, LISTING_TIMEOUT, VolumeAction::Measure).await? {
            VolumeAnswer::Measured(measure) => Ok(measure),
            _ => Err(GuestError::Closed),
        }
    }

    async fn ask_volume(
        &self,
        serial: &str,
        timeout: Duration,
        action: VolumeAction,
    ) -> Result<VolumeAnswer, GuestError> {
        let serial = serial.to_owned();
        match self.ask(timeout, |id| HostMessage::Volume { id, serial, action }).await? {
            Answer::Volume(VolumeAnswer::Failed { reason }) => Err(GuestError::Refused { reason }),
            Answer::Volume(answer) => Ok(answer),
            _ => Err(GuestError::Closed),
        }
    }

    /// The sockets on which processes of the guest listen.
    pub async fn listeners(&self) -> Result<Vec<Listener>, GuestError> {
        match self.ask(LISTING_TIMEOUT, |id| HostMessage::ListListeners { id }).await? {
            Answer::Listeners(listeners) => Ok(listeners),
            _ => Err(GuestError::Closed),
        }
    }

    /// The processes of the guest, kernel threads left out.
    pub async fn processes(&self) -> Result<Vec<ProcessInfo>, GuestError> {
        match self.ask(LISTING_TIMEOUT, |id| HostMessage::ListProcesses { id }).await? {
            Answer::Processes(processes) => Ok(processes),
            _ => Err(GuestError::Closed),
        }
    }

    /// How much memory the guest has, and has left.
    pub async fn memory(&self) -> Result<MemoryInfo, GuestError> {
        match self.ask(LISTING_TIMEOUT, |id| HostMessage::ReadMemory { id }).await? {
            Answer::Memory(memory) => Ok(memory),
            _ => Err(GuestError::Closed),
        }
    }

    /// Runs a further process beside the machine's own. Whether it started comes as its first event.
    /// It is killed when the connection ends.
    pub async fn exec(&self, request: ExecRequest) -> Result<ExecSession, GuestError> {
        let (exec, session) = self.waiting.open_exec(self.clone())?;
        self.send(HostMessage::Exec { exec, request }).await?;
        Ok(session)
    }

    pub(super) async fn send(&self, message: HostMessage) -> Result<(), GuestError> {
        let bytes = frame::encode(self.session, &message, MAX_TO_GUEST).map_err(GuestError::Message)?;
        self.outgoing.send(bytes).await.map_err(|_| GuestError::Closed)
    }

    pub(super) fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    async fn ask(
        &self,
        timeout: Duration,
        question: impl FnOnce(u32) -> HostMessage,
    ) -> Result<Answer, GuestError> {
        let (answer, answered) = oneshot::channel();
        let id = self.waiting.open_question(answer)?;
        self.send(question(id)).await?;
        match tokio::time::timeout(timeout, answered).await {
            Ok(answer) => answer.map_err(|_| GuestError::Closed),
            Err(_) => {
                self.waiting.forget_question(id);
                Err(GuestError::Timeout { seconds: timeout.as_secs() })
            }
        }
    }
}
