//! A real machine that is suspended with open state, and goes on with it; also when its host dies at any step
//! in between. Needs root, QEMU, a kernel, nft and musl-gcc.

mod support;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use roost_host::CRASH_VARIABLE;
use roost_host_api::{ExecMachine, Machine};
use roost_model::MachineState;
use support::{
    by, eventually,
    real::{self, BOOT, Running, get},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

#[tokio::test]
async fn host_process() {
    real::host_process().await;
}

#[tokio::test]
async fn a_machine_goes_on_with_all_that_it_had() {
    let (folder, running, create) = real::host_with_image().await;
    let id = create.id.clone();
    running.client.create(&create).await.unwrap();
    let machine = running.wait(&id, MachineState::Started).await;
    assert_eq!(get(&machine, "/count").await, "1");
    get(&machine, "/write?kept").await;
    get(&machine, "/log?50").await;
    let mut open = Connection::to(&machine).await;
    assert_eq!(open.get("/count").await, "2");
    get(&machine, "/timer?4000").await;

    running.client.suspend(&id, &by("user")).await.unwrap();
    running.wait(&id, MachineState::Suspended).await;
    let memory = folder.0.path().join(format!("host/machines/{id}/memory"));
    assert_eq!(fs::metadata(&memory).unwrap().permissions().mode() & 0o777, 0o700);
    let state = fs::metadata(memory.join("state")).unwrap();
    assert_eq!(state.permissions().mode() & 0o777, 0o600);
    assert!(state.len() < 300 << 20, "{}", state.len());
    // Long enough for its clock to be wrong.
    tokio::time::sleep(Duration::from_secs(3)).await;

    running.client.start(&id, &by("proxy")).await.unwrap();
    running.wait(&id, MachineState::Started).await;
    assert_eq!(open.get("/count").await, "3", "memory, over the same connection");
    // A busy box may take its time to bring the answer.
    eventually("the clock is right", async || {
        let clock_ms: i64 = open.get("/clock").await.parse().unwrap();
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        (now_ms - clock_ms).abs() < 1000
    })
    .await;
    assert_eq!(get(&machine, "/read").await, "kept");
    let exec = ExecMachine {
        argv: ["/app", "say", "here"].map(str::to_owned).into(),
        stdin: String::new(),
        timeout_ms: 5000,
    };
    assert_eq!(running.client.exec(&id, &exec).await.unwrap().stdout, "here\n");
    get(&machine, "/log?50").await;
    eventually("the timer ends, and all is logged once", async || {
        running.lines(&id, "timer").await == 1 && running.lines(&id, "line ").await == 100
    })
    .await;
    eventually("the check passes", async || running.client.machine(&id).await.unwrap().checks_pass()).await;

    real::destroy(&folder, &running, &id).await;
}

#[tokio::test]
async fn a_host_that_dies_at_any_step_loses_nothing_of_the_machine() {
    const SUSPEND: [&str; 6] =
        ["suspend", "pause-guest", "save-memory", "release-vmm", "detach-network", "suspended"];
    const RESUME: [&str; 6] =
        ["resume", "attach-network", "restore-memory", "resume-guest", "drop-memory", "connect-guest"];
    let (folder, running, create) = real::host_with_image().await;
    let dir = folder.0.path();
    let id = create.id.clone();
    running.client.create(&create).await.unwrap();
    let machine = running.wait(&id, MachineState::Started).await;
    assert_eq!(get(&machine, "/count").await, "1");
    running.kill();

    let mut count = 1;
    for step in SUSPEND {
        let running = dying_at(dir, step).await;
        // It may die before it answers.
        let _ = running.client.suspend(&id, &by("user")).await;
        running.died().await;
        let running = Running::open(dir).await;
        running.wait(&id, MachineState::Suspended).await;
        running.client.start(&id, &by("user")).await.unwrap();
        running.wait(&id, MachineState::Started).await;
        count += 1;
        assert_count(&running, &machine, count, step).await;
        running.kill();
    }
    for step in RESUME {
        let running = dying_at(dir, step).await;
        running.client.suspend(&id, &by("user")).await.unwrap();
        running.wait(&id, MachineState::Suspended).await;
        let _ = running.client.start(&id, &by("user")).await;
        running.died().await;
        let running = Running::open(dir).await;
        running.wait(&id, MachineState::Started).await;
        count += 1;
        assert_count(&running, &machine, count, step).await;
        running.kill();
    }
}

/// A host that dies right after it recorded the step.
async fn dying_at(dir: &Path, step: &str) -> Running {
    Running::open_with(dir, &[(CRASH_VARIABLE, step)]).await
}

/// The machine counts its answers in memory.
async fn assert_count(running: &Running, machine: &Machine, count: u32, step: &str) {
    let told = get(machine, "/count").await;
    let events = running.client.machine(&machine.id).await.unwrap().events;
    assert_eq!(told, count.to_string(), "{step}: {events:#?}");
}

/// An HTTP connection that stays open.
struct Connection(BufReader<TcpStream>);

impl Connection {
    async fn to(machine: &Machine) -> Self {
        Self(BufReader::new(TcpStream::connect((machine.ipv4, 8080)).await.unwrap()))
    }

    async fn get(&mut self, path: &str) -> String {
        let exchange = async {
            self.0.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
            let (mut line, mut length) = (String::new(), 0);
            while line != "\r\n" {
                line.clear();
                assert_ne!(self.0.read_line(&mut line).await.unwrap(), 0, "the connection is closed");
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            self.0.read_exact(&mut body).await.unwrap();
            String::from_utf8(body).unwrap()
        };
        timeout(BOOT, exchange).await.expect("no answer on the open connection")
    }
}
