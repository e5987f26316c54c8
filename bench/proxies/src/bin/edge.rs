//! The edge beside nginx, HAProxy and Caddy: CPU for a request, latency, memory of an idle connection.
//!
//! `edge [--rounds N] [--rows KEY,...] [--peers NAME,...]`. Each proxy has one core to itself; the load and the back end
//! have another. Every sample is of a proxy that was just started, and the order of the proxies turns from round to
//! round: machines drift.

use std::{
    env, io,
    process::{Child, Command},
};

use anyhow::{Context as _, Result, bail};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    sys::resource::{Resource, getrlimit, setrlimit},
    unistd::Pid,
};
use roost_bench_proxies::{
    certificate::Certificate,
    peer::{Peer, wait_for},
    report::{self, Measured},
    row::Row,
};

/// The core of the load and the back end.
const LOAD_CORE: usize = 1;
const ROUNDS: usize = 5;

/// Before other work of the machine, where that is allowed.
const NICE: i32 = -15;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let asked = Asked::from_args()?;
    rustls::crypto::ring::default_provider().install_default().ok();
    prepare()?;
    let folder = tempfile::tempdir()?;
    let certificate = Certificate::make(folder.path())?;
    let backend = Backend::start()?;
    let mut measured = Vec::new();
    for &row in &asked.rows {
        let mut peers: Vec<_> = asked.peers.iter().map(|&peer| (peer, Vec::new())).collect();
        for round in 0..asked.rounds {
            for turn in 0..peers.len() {
                let at = (round + turn) % peers.len();
                let (peer, samples) = &mut peers[at];
                let proxy = peer.start(folder.path(), &certificate, backend.port)?;
                let sample = row.measure(&proxy, &certificate.roots, folder.path()).await;
                samples.push(sample.with_context(|| format!("{} by {}", row.title(), peer.as_str()))?);
            }
        }
        let row = Measured { row, peers };
        row.print();
        measured.push(row);
    }
    println!("{}", report::result(&measured));
    Ok(())
}

struct Asked {
    rounds: usize,
    rows: Vec<Row>,
    peers: Vec<Peer>,
}

impl Asked {
    fn from_args() -> Result<Self> {
        let mut asked = Self { rounds: ROUNDS, rows: Row::ALL.to_vec(), peers: Peer::ALL.to_vec() };
        let mut args = env::args().skip(1);
        while let Some(arg) = args.next() {
            let value = args.next().with_context(|| format!("{arg} needs a value"))?;
            let listed = |name: &str| value.split(',').any(|one| one == name);
            match arg.as_str() {
                "--rounds" => asked.rounds = value.parse()?,
                "--rows" => asked.rows.retain(|row| listed(row.key())),
                "--peers" => asked.peers.retain(|peer| listed(peer.as_str())),
                _ => bail!("unknown option {arg}; there are --rounds, --rows and --peers"),
            }
        }
        Ok(asked)
    }
}

/// Load, back end and proxies inherit what this process is given; proxies then move to their core.
fn prepare() -> Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let mut core = CpuSet::new();
    core.set(LOAD_CORE)?;
    sched_setaffinity(Pid::from_raw(0), &core).context("this takes two cores")?;
    // SAFETY: a call without pointers.
    if unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) } != 0 {
        eprintln!("edge: other work of the machine may disturb: {}", io::Error::last_os_error());
    }
    Ok(())
}

/// The app; it ends when dropped.
struct Backend {
    child: Child,
    port: u16,
}

impl Backend {
    fn start() -> Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let program = env::current_exe()?.with_file_name("edge-backend");
        let child = Command::new(&program).arg(port.to_string()).spawn();
        let backend =
            Self { child: child.with_context(|| format!("cannot start {}", program.display()))?, port };
        wait_for(([127, 0, 0, 1], port).into())?;
        Ok(backend)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
