//! A running VMM, as the host's agent holds it.
//!
//! [`Vm`] is a handle. Behind it stands one task for each VMM (its driver's monitor), which owns the control
//! connection, hears of the end and reaps the process:
//!
//! ```text
//!   Vm ──requests──► monitor ──QMP──► QEMU          (Firecracker: its API, its console pipe)
//!   Vm ◄─ready, exit─┘   ▲
//!                        └── pidfd: the process ended
//! ```
//!
//! The task lives in the agent; when the agent dies the VMM runs on, and [`crate::Driver::adopt`]
//! makes a new one.

use std::{
    future::pending,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{mpsc, oneshot, watch},
};

use crate::{
    VmmError,
    console::Console,
    guest_socket::GuestSocket,
    pidfd::{Ended, Pidfd},
    place::Place,
    snapshot,
};

/// A byte stream to the guest's agent.
pub trait GuestStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> GuestStream for T {}

/// How a VMM ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmExit {
    pub cause: ExitCause,
    /// The VMM's own last words, if any: bounded, for the log.
    pub output: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCause {
    /// The guest powered off.
    PoweredOff,
    /// The guest reset: its kernel panicked, or somebody rebooted it.
    Reset,
    /// Something outside ended the VMM: [`Vm::kill`], an administrator.
    Killed,
    /// The VMM grew past its memory limit.
    OutOfMemory,
    /// The VMM ended by itself with this exit status, as a shell shows it (128 + signal).
    Failed { status: i32 },
    /// It ended while nobody watched.
    Unknown,
}

/// What a monitor is asked to do; the sender takes the answer.
pub(crate) enum Request {
    /// Bring the console up to date.
    Console(oneshot::Sender<()>),
    Pause(Reply<()>),
    /// Write all that the machine is into this folder, at most so many bytes; answered with those on disk.
    Save(PathBuf, u64, Reply<u64>),
    /// Take it from there.
    Load(PathBuf, Reply<()>),
    GoOn(Reply<()>),
    /// The file of the disk with this serial has so many bytes now.
    ResizeDisk(String, u64, Reply<()>),
}

pub(crate) type Reply<T> = oneshot::Sender<Result<T, VmmError>>;

/// Requests in flight; more wait.
const REQUESTS: usize = 4;

/// A handle; cheap to clone. Dropping it leaves the VMM running.
#[derive(Clone)]
pub struct Vm(Arc<Shared>);

struct Shared {
    pid: u32,
    process: Arc<Pidfd>,
    place: Place,
    guest: GuestSocket,
    killed: Arc<AtomicBool>,
    console: Arc<Mutex<Console>>,
    requests: mpsc::Sender<Request>,
    guest_ready: watch::Receiver<bool>,
    exit: watch::Receiver<Option<VmExit>>,
}

/// The monitor's half of a [`Vm`].
pub(crate) struct MonitorSide {
    pub process: Arc<Pidfd>,
    pub console: Arc<Mutex<Console>>,
    pub requests: mpsc::Receiver<Request>,
    pub guest_ready: watch::Sender<bool>,
    place: Place,
    killed: Arc<AtomicBool>,
    exit: watch::Sender<Option<VmExit>>,
}

impl Vm {
    /// `guest_ready`: the guest's agent has opened its end already, as far as is known.
    pub(crate) fn new(
        pid: u32,
        process: Pidfd,
        place: Place,
        guest: GuestSocket,
        guest_ready: bool,
    ) -> (Self, MonitorSide) {
        let process = Arc::new(process);
        let (console, killed) = (Arc::<Mutex<Console>>::default(), Arc::<AtomicBool>::default());
        let (request_sender, request_receiver) = mpsc::channel(REQUESTS);
        let (ready_sender, ready_receiver) = watch::channel(guest_ready);
        let (exit_sender, exit_receiver) = watch::channel(None);
        let monitor = MonitorSide {
            process: process.clone(),
            console: console.clone(),
            requests: request_receiver,
            guest_ready: ready_sender,
            place: place.clone(),
            killed: killed.clone(),
            exit: exit_sender,
        };
        let shared = Shared {
            pid,
            process,
            place,
            guest,
            killed,
            console,
            requests: request_sender,
            guest_ready: ready_receiver,
            exit: exit_receiver,
        };
        (Self(Arc::new(shared)), monitor)
    }

    /// Process id of the VMM.
    pub fn pid(&self) -> u32 {
        self.0.pid
    }

    /// Waits for the end; gives the same answer to everybody who asks, and again.
    pub async fn wait_exit(&self) -> VmExit {
        let mut exit = self.0.exit.clone();
        let ended = exit.wait_for(Option::is_some).await.map(|exit| exit.clone());
        // Whoever watches goes without having seen an end when the server ends, which ends no VM.
        let Ok(ended) = ended else { return pending().await };
        ended.unwrap_or_else(|| VmExit { cause: ExitCause::Unknown, output: String::new() })
    }

    /// There is no more to be had of the monitor: because the VMM has ended.
    async fn gone(&self) -> VmmError {
        self.wait_exit().await;
        VmmError::Ended
    }

    /// Ends the VMM at once, without the guest's consent, and waits until it is gone.
    pub async fn kill(&self) -> VmExit {
        self.0.killed.store(true, Ordering::Relaxed);
        self.0.process.kill();
        self.wait_exit().await
    }

    /// Waits until the guest's agent has opened its end, without a connection to it.
    pub async fn guest_opened(&self) -> Result<(), VmmError> {
        let mut ready = self.0.guest_ready.clone();
        let opened = ready.wait_for(|ready| *ready).await.is_ok();
        if opened { Ok(()) } else { Err(self.gone().await) }
    }

    /// A new connection to the guest's agent. Waits until the agent has opened its end: the caller bounds
    /// the time. There is one connection at a time: drop the older one first.
    pub async fn connect_guest(&self) -> Result<Box<dyn GuestStream>, VmmError> {
        let connect = async {
            self.guest_opened().await?;
            self.0.guest.connect().await
        };
        tokio::select! {
            // The end first: a refused connection is only its consequence.
            biased;
            _ = self.wait_exit() => Err(VmmError::Ended),
            stream = connect => stream,
        }
    }

    /// The last of what the guest wrote to its serial console, at most [`crate::CONSOLE_BYTES`]; also after the end.
    pub async fn console_tail(&self) -> String {
        let (request, done) = oneshot::channel();
        if self.0.requests.send(Request::Console(request)).await.is_ok() {
            // An error is the monitor's way to say that it is done, too.
            let _ = done.await;
        }
        self.0.console.lock().unwrap_or_else(PoisonError::into_inner).tail()
    }

    /// Stops the guest's processors where they are. Fine if they stand already.
    pub async fn pause(&self) -> Result<(), VmmError> {
        self.ask(Request::Pause).await
    }

    /// Writes a paused guest of this size into an empty folder, for [`crate::Driver::restore`]; returns the bytes that
    /// it takes on disk. The guest stays paused: end the VMM, or let the guest go on and remove what was written.
    pub async fn save(&self, into: &Path, memory_mib: u32) -> Result<u64, VmmError> {
        let limit = snapshot::most_bytes(memory_mib);
        self.ask(|reply| Request::Save(into.to_owned(), limit, reply)).await
    }

    /// The other half of it, in a VMM that was started for it.
    pub(crate) async fn load(&self, from: &Path) -> Result<(), VmmError> {
        self.ask(|reply| Request::Load(from.to_owned(), reply)).await
    }

    /// Lets a paused guest run. Fine if it runs.
    pub async fn go_on(&self) -> Result<(), VmmError> {
        self.ask(Request::GoOn).await
    }

    /// Tells the guest that a disk, whose file was made larger, has so many bytes.
    pub async fn resize_disk(&self, serial: &str, bytes: u64) -> Result<(), VmmError> {
        self.ask(|reply| Request::ResizeDisk(serial.to_owned(), bytes, reply)).await
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, VmmError> {
        let (reply, answer) = oneshot::channel();
        if self.0.requests.send(request(reply)).await.is_err() {
            return Err(self.gone().await);
        }
        match answer.await {
            Ok(answered) => answered,
            Err(_) => Err(self.gone().await),
        }
    }

    /// Kills what still runs, then removes cgroup and jail. Fine if any of it is gone already.
    pub async fn cleanup(&self) -> Result<(), VmmError> {
        self.0.killed.store(true, Ordering::Relaxed);
        self.0.place.remove().await
    }
}

impl MonitorSide {
    pub fn append_console(&self, bytes: &[u8]) {
        self.console.lock().unwrap_or_else(PoisonError::into_inner).append(bytes);
    }

    /// Announces the end. `announced`: what the VMM itself said of it before.
    pub fn finish(self, ended: Ended, announced: Option<ExitCause>, output: &[u8]) {
        let cause = match ended {
            _ if announced.is_some() => announced.unwrap_or(ExitCause::Unknown),
            _ if self.place.cgroup.was_out_of_memory() => ExitCause::OutOfMemory,
            _ if self.killed.load(Ordering::Relaxed) => ExitCause::Killed,
            Ended::Signaled(libc::SIGKILL | libc::SIGTERM) => ExitCause::Killed,
            Ended::Signaled(signal) => ExitCause::Failed { status: 128 + signal },
            Ended::Exited(status) => ExitCause::Failed { status },
            Ended::Unknown => ExitCause::Unknown,
        };
        let output = String::from_utf8_lossy(output).trim().to_owned();
        self.exit.send_replace(Some(VmExit { cause, output }));
    }
}
