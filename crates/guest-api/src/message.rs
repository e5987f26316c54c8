//! The messages, apart from how they travel.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr},
};

use serde::{Deserialize, Serialize};

use crate::{VolumeAction, VolumeAnswer};

/// Version of these messages; a host refuses a guest that speaks another.
pub const PROTOCOL: u32 = 1;

/// Everything `init` needs to turn an image into a running machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunConfig {
    pub hostname: String,
    /// Further names of the machine's own private address in `/etc/hosts`.
    pub host_aliases: Vec<String>,
    pub network: GuestNetwork,
    pub dns: GuestDns,
    /// At least one. The machine ends when any of them ends.
    pub processes: Vec<GuestProcess>,
    pub files: Vec<GuestFile>,
    /// Folders that the guest serves over HTTP.
    #[serde(default)]
    pub statics: Option<GuestStatics>,
    pub mounts: Vec<GuestMount>,
    /// 0: none.
    pub swap_mib: u32,
    /// Nanoseconds since 1970, right when the message was sent.
    pub unix_ns: i64,
    /// base64 of fresh random bytes. The guest may be a copy of one that others are copies of, too.
    pub entropy: String,
    /// Most bytes of output that `init` keeps while the host does not read.
    pub log_buffer_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuestNetwork {
    /// Of the machine's network device, which may come up with another.
    pub mac: [u8; 6],
    /// The machine's private address; its prefix length is 112.
    pub ipv6: Ipv6Addr,
    pub ipv4: Ipv4Addr,
    /// Reached on the link although no prefix covers it; default route of IPv4.
    pub ipv4_gateway: Ipv4Addr,
    /// Link-local; default route of IPv6.
    pub ipv6_gateway: Ipv6Addr,
    pub mtu: u16,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuestDns {
    pub nameservers: Vec<String>,
    pub searches: Vec<String>,
    pub options: Vec<String>,
}

/// One process, with the image's and the machine's settings already merged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuestProcess {
    /// Shown in logs when there are several; the process group's name otherwise.
    pub name: String,
    /// Program and arguments; a program without `/` is looked up in the PATH of `env`.
    pub argv: Vec<String>,
    pub env: BTreeMap<String, String>,
    /// `user[:group]` by name or number, resolved against the image's passwd and group files.
    pub user: String,
    pub working_dir: String,
    pub tty: bool,
}

/// What the guest serves on its IPv4 address, for the edge alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuestStatics {
    pub port: u16,
    pub folders: Vec<GuestStatic>,
    /// Tells versions of a file apart that different images hold; fit for an entity tag.
    pub image: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuestStatic {
    /// Absolute.
    pub path: String,
    /// Of the path of a URL.
    pub url_prefix: String,
    /// The file that stands for a folder whose path ends with `/`.
    pub index_document: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuestFile {
    /// Absolute; missing parents are made.
    pub path: String,
    pub mode: u32,
    /// base64.
    pub content: String,
}

/// A disk to mount.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuestMount {
    /// Serial of the virtio disk.
    pub serial: String,
    pub path: String,
}

/// Disks are told apart by their virtio serial.
pub mod serial {
    /// The image, read-only (EROFS).
    pub const IMAGE: &str = "roost-image";
    /// The writable upper half of the root (ext4).
    pub const SCRATCH: &str = "roost-scratch";
}

/// Host to guest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum HostMessage {
    /// Opens a session; everything of older sessions is void. `acked_log` is the last log
    /// sequence that the host has on disk.
    Hello {
        session: u64,
        protocol: u32,
        unix_ns: i64,
        acked_log: u64,
    },
    Configure {
        config: Box<RunConfig>,
    },
    /// Log records up to and including `seq` are on the host's disk.
    AckLog {
        seq: u64,
    },
    /// The exit report is on the host's disk: the guest may power off.
    AckExit,
    SetClock {
        unix_ns: i64,
    },
    /// The machine was suspended and goes on: its clock stood still, and whoever has its memory knows what its
    /// random numbers would be. `entropy` is base64 of fresh ones; no answer.
    Resumed {
        unix_ns: i64,
        entropy: String,
    },
    /// Signal to the main process (a number); no answer.
    Signal {
        signal: i32,
    },
    /// Signal, then SIGKILL after the timeout; answered by `Exited`.
    Stop {
        signal: i32,
        timeout_ms: u64,
    },
    Exec {
        exec: u32,
        request: ExecRequest,
    },
    /// base64. An empty chunk closes stdin.
    ExecInput {
        exec: u32,
        data: String,
    },
    ExecResize {
        exec: u32,
        rows: u16,
        cols: u16,
    },
    ExecSignal {
        exec: u32,
        signal: i32,
    },
    /// So much of the exec's output (see [`crate::channel::chunk_cost`]) was consumed: credit for more.
    ExecOutputTaken {
        exec: u32,
        cost: u64,
    },
    /// base64, from the api, on a connection that the guest opened. An empty chunk is the last.
    ApiData {
        stream: u32,
        data: String,
    },
    /// So much of what the guest sent was passed on: credit for more.
    ApiTaken {
        stream: u32,
        cost: u64,
    },
    /// The connection is over for the host.
    ApiClosed {
        stream: u32,
    },
    /// Answered by `Listeners` with the same `id`.
    ListListeners {
        id: u32,
    },
    /// Answered by `Processes` with the same `id`.
    ListProcesses {
        id: u32,
    },
    /// Answered by `Memory` with the same `id`.
    ReadMemory {
        id: u32,
    },
    /// Answered by `Volume` with the same `id`.
    Volume {
        id: u32,
        /// Of the volume's disk.
        serial: String,
        action: VolumeAction,
    },
    /// Flush file systems; answered by `Synced`.
    Sync {
        id: u32,
    },
}

/// Guest to host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum GuestMessage {
    /// Answer to `Hello`.
    Hello {
        session: u64,
        protocol: u32,
        kernel: String,
        phase: Phase,
    },
    /// The processes run.
    Started {
        pid: i32,
    },
    /// The machine could not be set up; it powers off once acknowledged (`AckExit`).
    SetupFailed {
        reason: String,
    },
    Log {
        record: LogRecord,
    },
    /// Records were dropped because nobody read them in time.
    LogDropped {
        first_seq: u64,
        count: u64,
        bytes: u64,
    },
    /// Sent again in every session until acknowledged.
    Exited {
        report: ExitReport,
    },
    ExecStarted {
        exec: u32,
        pid: i32,
    },
    /// base64.
    ExecOutput {
        exec: u32,
        stream: LogStream,
        data: String,
    },
    /// So much of the exec's input (see [`crate::channel::chunk_cost`]) reached the process: credit for more.
    ExecInputTaken {
        exec: u32,
        cost: u64,
    },
    /// `code` is -1 when a signal ended it, `signal` -1 when it ended by itself.
    ExecExited {
        exec: u32,
        code: i32,
        signal: i32,
    },
    ExecFailed {
        exec: u32,
        reason: String,
    },
    /// A process connected to the api's socket. Numbers are not used twice in a boot.
    ApiOpened {
        stream: u32,
    },
    /// base64. An empty chunk says that the process sends no more.
    ApiSent {
        stream: u32,
        data: String,
    },
    /// So much of the api's data (see [`crate::channel::chunk_cost`]) reached the process: credit for more.
    ApiTaken {
        stream: u32,
        cost: u64,
    },
    /// The process is gone.
    ApiClosed {
        stream: u32,
    },
    Listeners {
        id: u32,
        listeners: Vec<Listener>,
    },
    Processes {
        id: u32,
        processes: Vec<ProcessInfo>,
    },
    Memory {
        id: u32,
        memory: MemoryInfo,
    },
    Volume {
        id: u32,
        answer: VolumeAnswer,
    },
    Synced {
        id: u32,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Booted; waits for `Configure`.
    Unconfigured,
    Running,
    /// The main process ended; waits for `AckExit`.
    Exited,
}

/// One line (or one piece of an overlong line) of output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogRecord {
    /// Starts at 1 in each boot, without gaps.
    pub seq: u64,
    pub unix_ns: i64,
    pub stream: LogStream,
    /// Name of the process, or `init`.
    pub process: String,
    /// Without the newline; bytes that are not UTF-8 are replaced.
    pub line: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogStream {
    Stdout,
    Stderr,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExitReport {
    /// Name of the process that ended first.
    pub process: String,
    /// -1 when a signal ended it.
    pub code: i32,
    /// -1 when it ended by itself.
    pub signal: i32,
    pub oom_killed: bool,
    /// `Stop` came before the exit.
    pub requested: bool,
    pub unix_ns: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecRequest {
    pub argv: Vec<String>,
    pub env: BTreeMap<String, String>,
    /// The main process's user when absent.
    pub user: Option<String>,
    pub working_dir: Option<String>,
    pub tty: Option<TerminalSize>,
    /// 0: no limit.
    pub timeout_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    pub rows: u16,
    pub cols: u16,
}

/// A listening socket in the guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// `tcp` or `udp`.
    pub protocol: String,
    /// Textual address, such as `0.0.0.0`, `127.0.0.1` or `::`.
    pub address: String,
    pub port: u16,
    pub pid: i32,
    pub command: String,
}

/// The memory of the guest, as its kernel counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryInfo {
    pub total_bytes: u64,
    /// What processes could still take without swapping, by the kernel's estimate.
    pub available_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessInfo {
    pub pid: i32,
    pub ppid: i32,
    pub command: String,
    pub state: String,
    pub rss_bytes: u64,
    pub cpu_ms: u64,
    pub start_unix_ns: i64,
}
