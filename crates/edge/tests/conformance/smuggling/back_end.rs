//! A server behind the edge, at the address of its app's machine, and what it has read so far.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::{support::Node, tool::tool};

/// As the fake machines' service says.
const PORT: u16 = 18080;

/// Where nginx and HAProxy pass on what they have read.
const RECORDER_PORT: u16 = 18081;

/// For a server to listen, on a busy box.
const START: Duration = Duration::from_secs(60);

/// One request, as a server read it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Seen {
    pub method: String,
    pub target: String,
    /// Byte by byte.
    pub body: String,
}

/// A running server; it ends when dropped.
pub struct BackEnd {
    /// Of its app, too.
    pub name: &'static str,
    record: PathBuf,
    _programs: Vec<Child>,
    _folder: TempDir,
}

impl BackEnd {
    pub async fn start(name: &'static str, node: &Node) -> Self {
        let machines = node.host.machines();
        let address = machines.iter().find(|machine| machine.app.as_str() == name).unwrap().ipv4;
        let folder = tempfile::tempdir().unwrap();
        let record = folder.path().join("record");
        fs::write(&record, "").unwrap();
        let programs = match name {
            "node" => vec![recorder(address, PORT, &record)],
            "gunicorn" => vec![gunicorn(address, &record)],
            "nginx" => vec![recorder(address, RECORDER_PORT, &record), nginx(address, folder.path())],
            _ => vec![recorder(address, RECORDER_PORT, &record), haproxy(address, folder.path())],
        };
        listens((address, PORT).into(), name).await;
        if programs.len() > 1 {
            listens((address, RECORDER_PORT).into(), name).await;
        }
        Self { name, record, _programs: programs, _folder: folder }
    }

    /// Everything that it has read, in order.
    pub fn seen(&self) -> Vec<Seen> {
        let record = fs::read_to_string(&self.record).unwrap();
        record.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/smuggling/back_ends").join(name)
}

fn recorder(address: Ipv4Addr, port: u16, record: &Path) -> Child {
    let mut command = tool("ROOST_NODE");
    command.arg(source("server.js")).arg(address.to_string()).arg(port.to_string()).arg(record);
    command.spawn().unwrap()
}

fn gunicorn(address: Ipv4Addr, record: &Path) -> Child {
    let mut command = tool("ROOST_GUNICORN");
    command.args([
        "--log-level",
        "error",
        "--keep-alive",
        "60",
        "--worker-class",
        "gthread",
        "--threads",
        "4",
    ]);
    command.arg("--chdir").arg(source("")).arg("--bind").arg(format!("{address}:{PORT}")).arg("app:app");
    command.env("RECORD", record).env("PYTHONDONTWRITEBYTECODE", "1").spawn().unwrap()
}

fn nginx(address: Ipv4Addr, folder: &Path) -> Child {
    let mut command = tool("ROOST_NGINX");
    command.arg("-p").arg(folder).arg("-c").arg(configured("nginx.conf", address, folder));
    command.arg("-e").arg("nginx.log").spawn().unwrap()
}

fn haproxy(address: Ipv4Addr, folder: &Path) -> Child {
    let mut command: Command = tool("ROOST_HAPROXY");
    command.arg("-db").arg("-f").arg(configured("haproxy.cfg", address, folder)).spawn().unwrap()
}

fn configured(name: &str, address: Ipv4Addr, folder: &Path) -> PathBuf {
    let text = fs::read_to_string(source(name)).unwrap().replace("ADDRESS", &address.to_string());
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

async fn listens(address: SocketAddr, name: &str) {
    let connected = async {
        while TcpStream::connect(address).await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(START, connected).await.unwrap_or_else(|_| panic!("{name} does not listen at {address}"));
}
