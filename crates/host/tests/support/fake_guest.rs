//! A guest that speaks the real messages in the real frames, and runs one of a few programs.
//!
//! | argv | what it does |
//! |---|---|
//! | `serve` | prints its environment, then runs until it is told to stop |
//! | `exit N` | prints a line and exits with code N |
//! | `deaf` | ignores its stop signal |
//! | `broken` | can not be set up |
//! | `hang` | never starts |

use roost_guest_api::{
    ExitReport, GuestMessage, HostMessage, Listener, LogRecord, LogStream, PROTOCOL, Phase, RunConfig,
    VolumeAction, VolumeAnswer, VolumeMeasure,
    channel::{MAX_TO_GUEST, MAX_TO_HOST},
    frame::{self, Decoder},
};
use roost_vmm::ExitCause;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    sync::{mpsc, oneshot},
};

/// What a test makes a guest do.
pub enum Control {
    Print(String),
    Exit(i32),
    /// Its volume is so full from now on, in percent.
    Fill(u64),
    /// The connection breaks; the guest lives on.
    Disconnect,
    Pause,
    GoOn,
    /// All that a paused guest is.
    Save(oneshot::Sender<String>),
}

/// A guest's memory.
#[derive(Serialize, Deserialize)]
pub struct Memory {
    phase: Phase,
    seq: u64,
    unacked: Vec<LogRecord>,
    exit: Option<ExitReport>,
    config: Option<RunConfig>,
    volume_bytes: u64,
    full_percent: u64,
    frozen: bool,
}

impl Memory {
    pub fn of_a_boot() -> Self {
        Self {
            phase: Phase::Unconfigured,
            seq: 0,
            unacked: Vec::new(),
            exit: None,
            config: None,
            volume_bytes: 1 << 30,
            full_percent: 1,
            frozen: false,
        }
    }
}

struct Guest {
    connection: Option<DuplexStream>,
    session: u64,
    paused: bool,
    memory: Memory,
}

/// Runs until the guest powers off.
pub async fn run(
    mut accept: mpsc::UnboundedReceiver<DuplexStream>,
    mut orders: mpsc::UnboundedReceiver<Control>,
    memory: Memory,
    paused: bool,
) -> ExitCause {
    let mut guest = Guest { connection: None, session: 0, paused, memory };
    let mut decoder = Decoder::new(MAX_TO_GUEST);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let messages = tokio::select! {
            Some(connection) = accept.recv(), if !guest.paused => {
                guest.connection = Some(connection);
                continue;
            }
            Some(order) = orders.recv() => {
                match order {
                    Control::Print(line) => guest.print(line).await,
                    Control::Exit(code) => guest.end(code, false).await,
                    Control::Fill(percent) => guest.memory.full_percent = percent,
                    Control::Disconnect => guest.connection = None,
                    Control::Pause => guest.paused = true,
                    Control::GoOn => guest.paused = false,
                    Control::Save(reply) => {
                        let _ = reply.send(serde_json::to_string(&guest.memory).unwrap());
                    }
                }
                continue;
            }
            read = read(&mut guest.connection, &mut buffer), if !guest.paused => match read {
                0 => {
                    guest.connection = None;
                    continue;
                }
                read => {
                    let mut messages = Vec::new();
                    decoder.push(&buffer[..read], |f| messages.extend(f.ok()));
                    messages
                }
            },
        };
        for message in messages {
            if guest.take(message.session, message.message).await {
                return ExitCause::PoweredOff;
            }
        }
    }
}

async fn read(connection: &mut Option<DuplexStream>, buffer: &mut [u8]) -> usize {
    match connection {
        Some(connection) => connection.read(buffer).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}

impl Guest {
    /// Whether the guest powers off.
    async fn take(&mut self, session: u64, message: HostMessage) -> bool {
        match message {
            HostMessage::Hello { acked_log, .. } => self.greet(session, acked_log).await,
            _ if session != self.session => {}
            HostMessage::Configure { config } if self.memory.config.is_none() => {
                self.configure(*config).await
            }
            HostMessage::AckLog { seq } => self.memory.unacked.retain(|record| record.seq > seq),
            HostMessage::AckExit => return true,
            HostMessage::Stop { .. } if self.program() == "deaf" => {}
            HostMessage::Stop { .. } => self.end(0, true).await,
            HostMessage::ListListeners { id } => {
                let listener = Listener {
                    protocol: "tcp".into(),
                    address: "127.0.0.1".into(),
                    port: 3000,
                    pid: 1,
                    command: "serve".into(),
                };
                self.say(GuestMessage::Listeners { id, listeners: vec![listener] }).await;
            }
            HostMessage::Volume { id, action, .. } => {
                let answer = self.volume(action);
                self.say(GuestMessage::Volume { id, answer }).await;
            }
            HostMessage::Exec { exec, request } => {
                self.say(GuestMessage::ExecStarted { exec, pid: 9 }).await;
                if request.argv == ["cat"] {
                    return false;
                }
                // base64 of "ran\n".
                let data = "cmFuCg==".to_owned();
                self.say(GuestMessage::ExecOutput { exec, stream: LogStream::Stdout, data }).await;
                self.say(GuestMessage::ExecExited { exec, code: 3, signal: -1 }).await;
            }
            HostMessage::ExecInput { exec, data } if data.is_empty() => {
                self.say(GuestMessage::ExecExited { exec, code: 0, signal: -1 }).await;
            }
            HostMessage::ExecInput { exec, data } => {
                self.say(GuestMessage::ExecOutput { exec, stream: LogStream::Stdout, data }).await;
            }
            _ => {}
        }
        false
    }

    fn volume(&mut self, action: VolumeAction) -> VolumeAnswer {
        match action {
            VolumeAction::Freeze { .. } => self.memory.frozen = true,
            VolumeAction::Thaw if !std::mem::take(&mut self.memory.frozen) => {
                return VolumeAnswer::Failed { reason: "nothing is held".into() };
            }
            VolumeAction::Thaw => {}
            VolumeAction::Grow { bytes } => self.memory.volume_bytes = bytes,
            VolumeAction::Measure => {
                let blocks = self.memory.volume_bytes / 4096;
                let blocks_free = blocks * (100 - self.memory.full_percent) / 100;
                let measure =
                    VolumeMeasure { block_size: 4096, blocks, blocks_free, blocks_avail: blocks_free };
                return VolumeAnswer::Measured(measure);
            }
        }
        VolumeAnswer::Done
    }

    async fn greet(&mut self, session: u64, acked_log: u64) {
        self.session = session;
        self.memory.unacked.retain(|record| record.seq > acked_log);
        let hello = GuestMessage::Hello {
            session,
            protocol: PROTOCOL,
            kernel: "fake".into(),
            phase: self.memory.phase,
        };
        self.say(hello).await;
        for record in self.memory.unacked.clone() {
            self.say(GuestMessage::Log { record }).await;
        }
        if let Some(report) = self.memory.exit.clone() {
            self.say(GuestMessage::Exited { report }).await;
        }
    }

    async fn configure(&mut self, config: RunConfig) {
        let process = config.processes[0].clone();
        self.memory.config = Some(config);
        match process.argv[0].as_str() {
            "broken" => {
                let reason = "exec: \"broken\": not found in PATH".to_owned();
                return self.say(GuestMessage::SetupFailed { reason }).await;
            }
            "hang" => return,
            _ => {}
        }
        self.memory.phase = Phase::Running;
        self.say(GuestMessage::Started { pid: 1 }).await;
        match process.argv.as_slice() {
            [exit, code] if exit == "exit" => {
                self.print("about to exit".to_owned()).await;
                self.end(code.parse().unwrap(), false).await;
            }
            _ => {
                for (name, value) in process.env {
                    self.print(format!("{name}={value}")).await;
                }
            }
        }
    }

    fn program(&self) -> &str {
        self.memory.config.as_ref().map_or("", |config| &config.processes[0].argv[0])
    }

    async fn print(&mut self, line: String) {
        self.memory.seq += 1;
        let record = LogRecord {
            seq: self.memory.seq,
            unix_ns: 1_700_000_000_000_000_000,
            stream: LogStream::Stdout,
            process: "app".into(),
            line,
        };
        self.memory.unacked.push(record.clone());
        self.say(GuestMessage::Log { record }).await;
    }

    async fn end(&mut self, code: i32, requested: bool) {
        self.memory.phase = Phase::Exited;
        let report = ExitReport {
            process: "app".into(),
            code,
            signal: -1,
            oom_killed: false,
            requested,
            unix_ns: 1_700_000_000_000_000_000,
        };
        self.memory.exit = Some(report.clone());
        self.say(GuestMessage::Exited { report }).await;
    }

    async fn say(&mut self, message: GuestMessage) {
        if let Some(connection) = &mut self.connection {
            let bytes = frame::encode(self.session, &message, MAX_TO_HOST).unwrap();
            if connection.write_all(&bytes).await.is_err() {
                self.connection = None;
            }
        }
    }
}
