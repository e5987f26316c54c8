//! A host whose parts are fakes: machines live and die in milliseconds, without root.
//!
//! What is real: the host with its database, logs, owners and API, the client, and every frame
//! between host and guest.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod fake_guest;
pub mod fake_parts;
pub mod real;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::StreamExt;
use roost_host::{Host, HostConfig, HostSettings};
use roost_host_api::{
    Cause, CreateMachine, DestroyMachine, ErrorCode, HostClient, HostError, LogLine, LogQuery, Machine,
    MachineSpec, StopMachine,
};
use roost_images::PullConfig;
use roost_model::{MachineConfig, MachineId, MachineState, NetworkId, machine::Init};
use roost_netdev::HostNetConfig;
use roost_vmm::VmmConfig;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

pub use fake_parts::FakeBox;

/// For what takes milliseconds unless something is wrong.
pub const SOON: Duration = Duration::from_secs(20);

/// Where a host lives.
#[derive(Clone)]
pub enum Folder {
    /// Removed with the last test host in it.
    Own(Arc<tempfile::TempDir>),
    Callers(PathBuf),
}

impl Folder {
    pub fn path(&self) -> &Path {
        match self {
            Self::Own(dir) => dir.path(),
            Self::Callers(path) => path,
        }
    }
}

/// A running host and a client of it.
pub struct TestHost {
    pub client: HostClient,
    pub fake: Arc<FakeBox>,
    pub dir: Folder,
    host: Host,
    shutdown: CancellationToken,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl TestHost {
    pub async fn start() -> Self {
        Self::with_settings(HostSettings::default()).await
    }

    pub async fn with_settings(settings: HostSettings) -> Self {
        let dir = Folder::Own(Arc::new(tempfile::tempdir().unwrap()));
        Self::open(dir, FakeBox::new(), settings).await
    }

    pub async fn open(dir: Folder, fake: Arc<FakeBox>, settings: HostSettings) -> Self {
        let config = config(dir.path(), settings);
        let host = Host::with_parts(config, fake.parts()).await.unwrap();
        let socket = dir.path().join("host.sock");
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).unwrap();
        let shutdown = CancellationToken::new();
        let server = tokio::spawn({
            let (host, shutdown) = (host.clone(), shutdown.clone());
            async move { host.serve(listener, shutdown).await }
        });
        Self { client: HostClient::unix(&socket), fake, dir, host, shutdown, server }
    }

    /// Ends this host's process, as far as a test can, and starts another one on what it left.
    pub async fn restart(self) -> Self {
        let (dir, fake) = (self.dir.clone(), self.fake.clone());
        self.stop().await;
        Self::open(dir, fake, HostSettings::default()).await
    }

    /// Ends the host; its machines run on.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.server.await.unwrap().unwrap();
        drop(self.host);
        // Owners end when their last handle is gone.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    /// Creates a machine that runs `argv`, and waits for it.
    pub async fn started(&self, argv: &[&str]) -> Machine {
        let create = create(argv);
        self.client.create(&create).await.unwrap();
        self.wait(&create.id, MachineState::Started).await
    }

    pub async fn wait(&self, id: &MachineId, state: MachineState) -> Machine {
        self.client.wait(id, state, None, SOON).await.unwrap()
    }

    pub async fn stop_machine(&self, id: &MachineId) -> Machine {
        self.client.stop(id, &StopMachine { cause: by("user"), ..Default::default() }).await.unwrap();
        self.wait(id, MachineState::Stopped).await
    }

    pub async fn destroy(&self, id: &MachineId) -> Machine {
        let destroy = DestroyMachine { force: true, source: "user".into(), lease_nonce: None };
        self.client.destroy(id, &destroy).await.unwrap();
        self.wait(id, MachineState::Destroyed).await
    }

    /// What the machine said, Roost's own lines left out.
    pub async fn output(&self, id: &MachineId) -> Vec<String> {
        let lines = self.logs(id).await.into_iter().filter(|line| line.stream != "system");
        lines.map(|line| line.message).collect()
    }

    pub async fn logs(&self, id: &MachineId) -> Vec<LogLine> {
        let query = LogQuery {
            app: "hello".into(),
            machine: Some(id.clone()),
            tail: Some(10_000),
            ..LogQuery::default()
        };
        self.client.logs(&query).await.unwrap().map(Result::unwrap).collect().await
    }
}

pub fn config(dir: &Path, settings: HostSettings) -> HostConfig {
    HostConfig {
        id: "testhost".parse().unwrap(),
        region: "fra".parse().unwrap(),
        number: 7,
        dir: dir.join("host"),
        api_socket: dir.join("api.sock"),
        // Small enough that a template takes no time, and few enough to run out of.
        settings: HostSettings { rootfs_mib: 64, ..settings },
        vmm: VmmConfig { boot_timeout_secs: 5, ..VmmConfig::default() },
        // Addresses that every Linux machine answers on: checks reach "machines" in the test itself.
        network: HostNetConfig { ipv4_pool: "127.64.0.0/16".parse().unwrap(), ..HostNetConfig::default() },
        registry: PullConfig::default(),
    }
}

pub fn spec(argv: &[&str]) -> MachineSpec {
    let argv = argv.iter().map(|arg| (*arg).to_owned()).collect();
    MachineSpec {
        config: MachineConfig {
            image: "registry.test/hello:v1".to_owned(),
            init: Init { exec: Some(argv), ..Init::default() },
            ..MachineConfig::default()
        },
        image: format!("registry.test/hello@sha256:{}", "a".repeat(64)).parse().unwrap(),
        sealed_secrets: None,
        secrets_version: 0,
    }
}

pub fn create(argv: &[&str]) -> CreateMachine {
    let id = MachineId::generate();
    CreateMachine {
        name: format!("machine-{id}"),
        id,
        app: "hello".parse().unwrap(),
        network: NetworkId(5),
        region: "fra".parse().unwrap(),
        spec: spec(argv),
        reservation: None,
        skip_launch: false,
        cordoned: false,
        lease: None,
        volume_keep: Default::default(),
        source: "user".to_owned(),
    }
}

pub fn by(source: &str) -> Cause {
    Cause { source: source.to_owned(), ..Cause::default() }
}

pub fn code<T: std::fmt::Debug>(result: Result<T, HostError>) -> ErrorCode {
    result.unwrap_err().code().expect("an answer of the host")
}

/// Tries until `check` says yes.
pub async fn eventually(what: &str, check: impl AsyncFnMut() -> bool) {
    eventually_within(what, SOON, check).await;
}

pub async fn eventually_within(what: &str, limit: Duration, mut check: impl AsyncFnMut() -> bool) {
    let began = tokio::time::Instant::now();
    while !check().await {
        assert!(began.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
