//! One server takes over from another: new programs and configurations come without a request refused or a WebSocket
//! lost.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, ensure};
use axum::{
    Router,
    extract::{WebSocketUpgrade, ws::Message},
    response::Response,
    routing::{any, get},
};
use futures::{SinkExt as _, StreamExt as _};
use rcgen::{CertificateParams, KeyPair};
use roost_fake_host::{FakeHost, FakeMachine};
use roost_testbed::{
    App, Load, Server, ServerOptions, load, netns,
    server::{API, EDGE},
    testapp, wait_until,
};
use serde_json::json;
use tokio::{net::TcpStream, task::JoinHandle, time::sleep};
use tokio_tungstenite::tungstenite;

mod support;
use support::{ROOST, server};

const PATIENCE: Duration = Duration::from_secs(120);

/// Changes of configuration and of certificates, half of them each.
const CHANGES: usize = 1000;

/// A server whose machines are another process's: it plays api and edge.
async fn bench() -> Result<(Server, FakeHost)> {
    let config =
        "host_id = \"fake\"\nroles = [\"api\", \"edge\"]\nedge.handover_limit_secs = 120\n".to_owned();
    let server = Server::begin(Path::new(ROOST), ServerOptions { config, ..ServerOptions::default() })?;
    let sockets = server.data_dir().join("run");
    wait_until("the folder of sockets", PATIENCE, async || sockets.exists().then_some(())).await;
    let host = FakeHost::start_at(&sockets.join("host.sock")).await;
    server.ready().await;
    Ok((server, host))
}

async fn echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|mut socket| async move {
        while let Some(Ok(message)) = socket.recv().await {
            if let Message::Text(text) = message
                && socket.send(Message::Text(text)).await.is_err()
            {
                break;
            }
        }
    })
}

/// A WebSocket that is used all the time.
struct Talk {
    over: Arc<AtomicBool>,
    echoed: Arc<AtomicU64>,
    talking: JoinHandle<Result<()>>,
}

impl Talk {
    async fn begin(edge: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(edge).await?;
        let (mut socket, _) = tokio_tungstenite::client_async("ws://web.roost.localhost/ws", stream).await?;
        let (over, echoed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (ends, count) = (over.clone(), echoed.clone());
        let talking = tokio::spawn(async move {
            while !ends.load(Ordering::Relaxed) {
                let said = count.load(Ordering::Relaxed).to_string();
                socket.send(tungstenite::Message::text(said.clone())).await?;
                let heard = socket.next().await.ok_or_else(|| anyhow::anyhow!("closed"))??;
                ensure!(heard.to_text()? == said, "{heard} instead of {said}");
                count.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_millis(20)).await;
            }
            socket.close(None).await?;
            Ok(())
        });
        Ok(Self { over, echoed, talking })
    }

    /// Fails if it was ever cut; says how often it was used.
    async fn end(self) -> Result<u64> {
        self.over.store(true, Ordering::Relaxed);
        self.talking.await??;
        Ok(self.echoed.load(Ordering::Relaxed))
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_thousand_changes_and_two_servers_lose_nothing() -> Result<()> {
    netns::enter()?;
    let (server, host) = bench().await?;
    server.run(["apps", "create", "web"]).await?;
    let app = Router::new().route("/", get(|| async { "hello" })).route("/ws", any(echo));
    let machine = host.add(FakeMachine::of("web", app).started());
    wait_until("the machine", PATIENCE, async || {
        let answer = load::get(EDGE, "web.roost.localhost", "/").await;
        answer.inspect_err(|error| eprintln!("not yet: {error:#}")).ok()
    })
    .await;

    let load = Load::start(EDGE, "web.roost.localhost", "/", 4, Duration::from_millis(5));
    let mut talks = Vec::new();
    for _ in 0..5 {
        talks.push(Talk::begin(EDGE).await?);
    }
    let mut replaced = Vec::new();
    for change in 0..CHANGES {
        if change == CHANGES / 3 || change == CHANGES * 2 / 3 {
            replaced.push(server.hand_over().await);
            talks.push(Talk::begin(EDGE).await?);
        }
        match change % 2 {
            0 => import_certificate(&server).await?,
            _ => host.change(&machine, |machine| {
                let concurrency = json!({"type": "requests", "soft_limit": 20 + change % 7});
                machine.config.services[0].concurrency = serde_json::from_value(concurrency).unwrap();
            }),
        }
    }
    let report = load.finish().await;
    assert_eq!(report.failed, 0, "{report:#?}\n{}", server.log());
    assert!(report.answered > 500, "{report:#?}");
    println!("{} requests, the slowest {:?}", report.answered, report.slowest);
    for talk in talks {
        assert!(talk.end().await? > 10);
    }
    // What carried the WebSockets ends with them.
    for pid in replaced {
        let ended = async || (!Path::new(&format!("/proc/{pid}/exe")).exists()).then_some(());
        wait_until("the end of the server that was replaced", PATIENCE, ended).await;
    }
    Ok(())
}

async fn import_certificate(server: &Server) -> Result<()> {
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(["www.example.test".to_owned()])?.self_signed(&key)?;
    let body = json!({
        "hostname": "www.example.test",
        "fullchain": certificate.pem(),
        "private_key": key.serialize_pem(),
    });
    server.post("/v1/apps/web/certificates/custom", &body).await.map(drop)
}

#[tokio::test(flavor = "current_thread")]
async fn a_server_that_cannot_start_takes_nothing_over() -> Result<()> {
    netns::enter()?;
    let (server, _host) = bench().await?;
    let good = std::fs::read_to_string(server.config_path())?;
    // Wrong at once; wrong only when the roles are free already.
    for wrong in ["edge.nonsense = 1\n", "api.listen = \"192.0.2.1:1\"\n"] {
        let kept: String =
            good.lines().filter(|line| !line.starts_with("api.listen")).map(|l| format!("{l}\n")).collect();
        std::fs::write(server.config_path(), format!("{kept}{wrong}"))?;
        let goes_on = || server.log().matches("this one goes on").count();
        let before = goes_on();
        server.ask_to_hand_over();
        wait_until("a refusal", PATIENCE, async || (goes_on() > before).then_some(())).await;
        server.run(["apps", "list"]).await?;
        let answer = load::get(EDGE, "nobody.roost.localhost", "/").await.unwrap_err();
        assert!(answer.to_string().contains("E101"), "{answer}");
    }
    std::fs::write(server.config_path(), good)?;
    server.hand_over().await;
    server.run(["apps", "list"]).await?;
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn machines_and_calls_go_on_in_the_next_server() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let app = App::create(&server, "steady").await?;
    app.deploy(&testapp::image("one")?).await?;
    let before: serde_json::Value = serde_json::from_str(&app.get("/").await?)?;

    let load = Load::start(EDGE, &app.host(), "/", 2, Duration::from_millis(20));
    let api = Load::start(API, "api", "/healthz", 1, Duration::from_millis(50));
    server.hand_over().await;
    app.deploy(&testapp::image("two")?).await?;
    server.hand_over().await;
    let (report, calls) = (load.finish().await, api.finish().await);
    assert_eq!((report.failed, calls.failed), (0, 0), "{report:#?}{calls:#?}");

    let after: serde_json::Value = serde_json::from_str(&app.get("/").await?)?;
    assert_eq!((&before["version"], &after["version"]), (&json!("one"), &json!("two")));
    let machines = server.json(&["machine", "list", "--app", "steady"]).await?;
    assert_eq!(machines.as_array().map(Vec::len), Some(1), "{machines:#}");
    Ok(())
}
