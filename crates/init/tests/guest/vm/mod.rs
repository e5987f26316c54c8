//! A real guest under QEMU, without anything of the host agent: the kernel and initramfs that machines
//! boot from, an image disk made from a folder with busybox in it, and a client on the channel.

mod disks;
mod launch;
mod monitor;

use std::{
    net::Ipv6Addr,
    path::PathBuf,
    process::Child,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use roost_guest_api::{
    ExitReport, GuestClient, GuestDns, GuestEvent, GuestHello, GuestNetwork, GuestProcess, RunConfig,
};
use tokio::{net::UnixStream, sync::mpsc, time::timeout};

/// QEMU's own for a first network device.
const MAC: [u8; 6] = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];

/// A guest boots within this on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Vm {
    qemu: Child,
    folder: tempfile::TempDir,
}

/// A connection to a guest.
pub struct Guest {
    pub client: GuestClient,
    pub hello: GuestHello,
    pub events: mpsc::Receiver<GuestEvent>,
    /// Sequence of the last log record seen.
    pub last_log: u64,
}

impl Vm {
    /// Opens session `session`; log records after `acked_log` come again.
    pub async fn connect(&self, session: u64, acked_log: u64) -> Guest {
        let connected = timeout(PATIENCE, async {
            let stream = UnixStream::connect(self.path("guest.sock")).await.unwrap();
            GuestClient::connect(stream, session, acked_log).await.unwrap()
        });
        let Ok((client, hello, events)) = connected.await else {
            panic!("the guest does not answer; its console says:\n{}", self.console());
        };
        Guest { client, hello, events, last_log: acked_log }
    }

    /// Waits until the machine has powered off by itself.
    pub async fn ended(&mut self) {
        let ended = timeout(PATIENCE, async {
            while self.qemu.try_wait().unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        assert!(ended.await.is_ok(), "the machine does not power off; its console says:\n{}", self.console());
    }

    /// What the guest wrote to its serial console.
    pub fn console(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.path("console")).unwrap_or_default()).into_owned()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        // Fails only for a machine that has ended.
        let _ended = self.qemu.kill();
        let _reaped = self.qemu.wait();
    }
}

impl Guest {
    /// Configures the machine and waits until its processes run.
    pub async fn start(&mut self, config: RunConfig) {
        self.client.configure(config).await.unwrap();
        match self.event().await {
            GuestEvent::Started { .. } => {}
            other => panic!("the machine did not start: {other:?}"),
        }
    }

    /// The next event, which must come.
    pub async fn event(&mut self) -> GuestEvent {
        let event = timeout(PATIENCE, self.events.recv()).await.expect("no event").expect("no more events");
        if let GuestEvent::Log(record) = &event {
            self.last_log = record.seq;
        }
        event
    }

    /// The next log record's line.
    pub async fn line(&mut self) -> String {
        match self.event().await {
            GuestEvent::Log(record) => record.line,
            other => panic!("a log record was expected, not {other:?}"),
        }
    }

    /// All lines until the exit report, each acknowledged, and the report.
    pub async fn rest(&mut self) -> (Vec<String>, ExitReport) {
        let mut lines = Vec::new();
        loop {
            match self.event().await {
                GuestEvent::Log(record) => {
                    lines.push(record.line);
                    self.client.ack_log(record.seq).await.unwrap();
                }
                GuestEvent::LogDropped { first_seq, count, .. } => {
                    lines.push(format!("dropped {first_seq}+{count}"));
                    self.client.ack_log(first_seq + count - 1).await.unwrap();
                }
                GuestEvent::Exited(report) => return (lines, report),
                other => panic!("output or an exit was expected, not {other:?}"),
            }
        }
    }
}

/// A configuration with one process: a shell script.
pub fn shell(script: &str) -> RunConfig {
    RunConfig {
        hostname: "box".into(),
        host_aliases: vec!["box.vm.app.internal".into()],
        network: GuestNetwork {
            mac: MAC,
            ipv6: "fdaa:0:1:2:3:4:5:2".parse().unwrap(),
            // QEMU's own user-mode network.
            ipv4: "10.0.2.15".parse().unwrap(),
            ipv4_gateway: "10.0.2.2".parse().unwrap(),
            ipv6_gateway: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
            mtu: 1400,
        },
        dns: GuestDns {
            nameservers: vec!["fdaa::3".into()],
            searches: vec!["internal".into()],
            options: vec!["ndots:1".into()],
        },
        processes: vec![process("app", script)],
        files: Vec::new(),
        mounts: Vec::new(),
        swap_mib: 0,
        unix_ns: now_ns(),
        entropy: fresh(),
        statics: None,
        log_buffer_bytes: 1 << 20,
    }
}

/// base64 of 64 bytes.
pub fn fresh() -> String {
    format!("{}==", "Nw".repeat(43))
}

pub fn process(name: &str, script: &str) -> GuestProcess {
    GuestProcess {
        name: name.into(),
        argv: vec!["sh".into(), "-c".into(), script.into()],
        env: [("GREETING".into(), "hello".into())].into(),
        user: String::new(),
        working_dir: "/srv/work".into(),
        tty: false,
    }
}

pub fn now_ns() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap()
}
