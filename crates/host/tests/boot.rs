//! A real machine: pulled, booted, asked, left alone by a restart of its host, crashed, stopped, woken,
//! destroyed. Needs root, QEMU, a kernel, nft and musl-gcc.

mod support;

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use roost_host::{Host, HostConfig, HostSettings};
use roost_host_api::{
    CreateMachine, DestroyMachine, HostClient, LogQuery, Machine, MachineSpec, StopMachine,
};
use roost_images::{
    push::{PushOptions, push_oci_layout},
    registry::{Access, Authorizer, BlobStore, Credentials, Denied, router},
};
use roost_model::{ImageRef, MachineConfig, MachineId, MachineState};
use roost_testbed::{leftovers, netns, testapp};
use roost_vmm::VmmConfig;
use support::{by, create};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixListener},
};
use tokio_util::sync::CancellationToken;

/// A loaded machine without KVM needs most of it.
const BOOT: Duration = Duration::from_secs(90);

#[tokio::test]
async fn a_machine_lives_its_life() {
    netns::enter().unwrap();
    let folder = Folder::new();
    let image = serve_image(folder.0.path()).await;
    let running = Running::open(folder.0.path()).await;
    let create = machine_of(&image, &running.client).await;
    let id = create.id.clone();

    running.client.create(&create).await.unwrap();
    let machine = running.wait(&id, MachineState::Started).await;
    assert_eq!(machine.image_labels.len(), 0);
    let scratch = folder.0.path().join(format!("host/machines/{id}/scratch.ext4"));
    let disk_kib = std::fs::metadata(&scratch).unwrap().blocks() / 2;
    assert!(disk_kib < 2048, "{disk_kib} KiB before the app writes");
    let answer = get(&machine, "/").await;
    assert!(answer.contains(id.as_str()) && answer.contains("\"version\":\"one\""), "{answer}");
    assert_eq!(get(&machine, "/env?SECRET").await, "sesame");
    support::eventually("the check passes", async || {
        let machine = running.client.machine(&id).await.unwrap();
        machine.checks.len() == 1 && machine.checks_pass()
    })
    .await;
    let listeners = running.client.listeners(&id).await.unwrap();
    assert!(listeners.iter().any(|listener| listener.port == 8080), "{listeners:?}");
    get(&machine, "/log?100").await;

    // Its host is killed and comes back; the machine answers all the time, and says on.
    let pid_before = get(&machine, "/").await;
    running.kill();
    assert_eq!(get(&machine, "/").await, pid_before);
    get(&machine, "/log?100").await;
    let running = Running::open(folder.0.path()).await;
    assert_eq!(running.wait(&id, MachineState::Started).await.instance_id, machine.instance_id);
    assert_eq!(get(&machine, "/").await, pid_before, "the same boot");
    support::eventually("all lines are there", async || running.lines(&id, "line ").await == 200).await;

    // A crash is recorded, and the machine starts again.
    get(&machine, "/exit?3").await;
    support::eventually("the exit is recorded", async || {
        let events = running.client.machine(&id).await.unwrap().events;
        events.iter().filter_map(|e| e.request.as_ref()?.exit_event.clone()).any(|e| e.exit_code == 3)
    })
    .await;
    running.wait(&id, MachineState::Started).await;
    // A program that runs need not have come to its signal handler; one that answers has.
    get(&machine, "/").await;

    let stop = StopMachine { cause: by("proxy"), ..StopMachine::default() };
    running.client.stop(&id, &stop).await.unwrap();
    running.wait(&id, MachineState::Stopped).await;
    assert_eq!(running.lines(&id, "stopping").await, 1, "the app was told to stop");
    let began = Instant::now();
    running.client.start(&id, &by("proxy")).await.unwrap();
    running.wait(&id, MachineState::Started).await;
    get(&machine, "/").await;
    eprintln!("woken in {:?}", began.elapsed());

    let destroy = DestroyMachine { force: true, source: "user".into(), lease_nonce: None };
    running.client.destroy(&id, &destroy).await.unwrap();
    running.wait(&id, MachineState::Destroyed).await;
    assert_eq!(leftovers::of(folder.0.path()), Vec::<String>::new());
}

/// A data folder; what machines leave in it ends with it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        // Short, because sockets live below it.
        Self(tempfile::Builder::new().prefix("rh-").rand_bytes(4).tempdir_in("/tmp").unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        leftovers::remove(self.0.path());
    }
}

/// A real host in a process of its own, and a client of it.
struct Running {
    client: HostClient,
    process: Child,
}

/// Folder for [`host_process`].
const DIR_VARIABLE: &str = "ROOST_TEST_HOST_DIR";

/// The host's process, when the test runs itself as one.
#[tokio::test]
async fn host_process() {
    let Some(data) = std::env::var_os(DIR_VARIABLE).map(PathBuf::from) else { return };
    let host = Host::open(HostConfig {
        dir: data.join("host"),
        network: roost_netdev::HostNetConfig::default(),
        vmm: VmmConfig { boot_timeout_secs: BOOT.as_secs(), ..VmmConfig::default() },
        ..support::config(&data, HostSettings::default())
    })
    .await
    .unwrap();
    let socket = data.join("host.sock");
    let _ = std::fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket).unwrap();
    host.serve(listener, CancellationToken::new()).await.unwrap();
}

impl Running {
    async fn open(data: &Path) -> Self {
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "host_process", "--nocapture"])
            .env(DIR_VARIABLE, data)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let running = Self { client: HostClient::unix(data.join("host.sock")), process };
        let began = Instant::now();
        while let Err(error) = running.client.host().await {
            assert!(began.elapsed() < BOOT, "{error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        running
    }

    /// `kill -9`.
    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    async fn wait(&self, id: &MachineId, state: MachineState) -> Machine {
        match self.client.wait(id, state, None, BOOT).await {
            Ok(machine) => machine,
            Err(error) => panic!("{error}\n{:#?}", self.log(id).await),
        }
    }

    /// Lines of the machine that begin so.
    async fn lines(&self, id: &MachineId, beginning: &str) -> usize {
        self.log(id).await.iter().filter(|line| line.starts_with(beginning)).count()
    }

    async fn log(&self, id: &MachineId) -> Vec<String> {
        use futures::StreamExt;
        let query = LogQuery {
            app: "hello".into(),
            machine: Some(id.clone()),
            tail: Some(10_000),
            ..LogQuery::default()
        };
        let lines = self.client.logs(&query).await.unwrap();
        lines.map(|line| line.unwrap().message).collect().await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails when it was killed before.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The test app on a registry of the test's own; pinned.
async fn serve_image(dir: &Path) -> ImageRef {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let store = Arc::new(BlobStore::open(&dir.join("registry")).unwrap());
    let router = router(store, Arc::new(Everybody));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let layout = testapp::image("one").unwrap();
    let target: ImageRef = format!("{address}/hello:one").parse().unwrap();
    push_oci_layout(layout.path(), &target, &PushOptions::default(), |_| {}).await.unwrap().image
}

struct Everybody;

#[async_trait]
impl Authorizer for Everybody {
    async fn authorize(&self, _: Option<&Credentials>, _: Option<&str>, _: Access) -> Result<(), Denied> {
        Ok(())
    }
}

async fn machine_of(image: &ImageRef, client: &HostClient) -> CreateMachine {
    let service = serde_json::json!({
        "internal_port": 8080,
        "checks": [{ "type": "http", "path": "/", "grace_period": "10s" }],
    });
    let key: roost_seal::HostKey = client.host().await.unwrap().sealing_key.parse().unwrap();
    let config = MachineConfig {
        services: vec![serde_json::from_value(service).unwrap()],
        ..MachineConfig::default()
    };
    let sealed_secrets = Some(key.seal(br#"{"SECRET":"sesame"}"#));
    let spec = MachineSpec { config, image: image.clone(), sealed_secrets, secrets_version: 1 };
    CreateMachine { spec, ..create(&[]) }
}

/// Asks the machine until it answers: an app needs a moment to listen.
async fn get(machine: &Machine, path: &str) -> String {
    let began = Instant::now();
    loop {
        match try_get(machine, path).await {
            Ok(answer) => return answer,
            Err(error) => assert!(began.elapsed() < BOOT, "{path}: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn try_get(machine: &Machine, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((machine.ipv4, 8080)).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    match answer.split_once("\r\n\r\n") {
        Some((_, body)) => Ok(body.to_owned()),
        None => Err(std::io::ErrorKind::UnexpectedEof.into()),
    }
}
