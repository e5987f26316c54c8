//! The rest of the host's API: watch, leases, capacity, checks, exec.

mod support;

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use futures::StreamExt;
use roost_guest_api::{ExecRequest, LogStream};
use roost_host_api::{
    Cause, CollectImages, ErrorCode, ExecFrame, ExecMachine, LeaseRequest, LogQuery, ReserveRequest,
    SetMetadata, WatchEvent,
};
use roost_model::{Guest, MachineState, service::CheckResult};
use support::{SOON, TestHost, by, code, create};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

#[tokio::test]
async fn a_watcher_sees_everything_once_and_then_every_change() {
    let host = TestHost::start().await;
    let first = host.started(&["serve"]).await.id;
    let mut watch = host.client.watch().await.unwrap();
    let Some(Ok(WatchEvent::Hello { host: info, .. })) = watch.next().await else { panic!("no hello") };
    assert_eq!((info.driver.as_str(), info.number), ("fake", 7));
    let Some(Ok(WatchEvent::Machine { machine, .. })) = watch.next().await else { panic!("no machine") };
    assert_eq!(machine.id, first);
    let Some(Ok(WatchEvent::Synced { seq })) = watch.next().await else { panic!("not synced") };

    let second = create(&["serve"]);
    host.client.create(&second).await.unwrap();
    let (mut last, mut states) = (seq, Vec::new());
    while states.last() != Some(&MachineState::Started) {
        match watch.next().await.unwrap().unwrap() {
            WatchEvent::Machine { seq, machine } => {
                assert_eq!(seq, last + 1, "no change is left out");
                assert_eq!(machine.id, second.id);
                last = seq;
                states.push(machine.state);
            }
            WatchEvent::Heartbeat { seq } => assert_eq!(seq, last),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(states[0], MachineState::Starting);
    let quiet = tokio::time::timeout(Duration::from_secs(60), watch.next()).await.unwrap();
    assert!(matches!(quiet, Some(Ok(WatchEvent::Heartbeat { .. }))), "{quiet:?}");
}

#[tokio::test]
async fn a_destroyed_machine_is_forgotten_in_time_and_its_watchers_are_told() {
    let settings = roost_host::HostSettings { keep_destroyed_secs: 0, ..Default::default() };
    let host = TestHost::with_settings(settings.clone()).await;
    let id = host.started(&["serve"]).await.id;
    host.destroy(&id).await;
    let (dir, fake) = (host.dir.clone(), host.fake.clone());
    host.stop().await;
    let host = TestHost::open(dir, fake, settings).await;
    support::eventually("the machine is forgotten", async || host.client.machine(&id).await.is_err()).await;
    assert_eq!(code(host.client.machine(&id).await), ErrorCode::MachineNotFound);
}

#[tokio::test]
async fn a_lease_keeps_everybody_else_out_but_a_waking_request() {
    let host = TestHost::start().await;
    let id = host.started(&["serve"]).await.id;
    host.stop_machine(&id).await;
    let request =
        LeaseRequest { description: "a deploy".into(), owner: "me".into(), ttl_secs: 60, nonce: None };
    let lease = host.client.take_lease(&id, &request).await.unwrap();
    assert_eq!(code(host.client.take_lease(&id, &request).await), ErrorCode::LeaseHeld);
    assert_eq!(code(host.client.start(&id, &by("user")).await), ErrorCode::LeaseHeld);
    assert_eq!(code(host.client.cordon(&id, &by("user")).await), ErrorCode::LeaseHeld);
    let holder = Cause { lease_nonce: Some(lease.nonce.clone()), ..by("user") };
    assert!(host.client.cordon(&id, &holder).await.unwrap().cordoned);
    host.client.start(&id, &by("proxy")).await.unwrap();
    let refresh = LeaseRequest { nonce: Some(lease.nonce.clone()), ..request };
    let refreshed = host.client.take_lease(&id, &refresh).await.unwrap();
    assert_eq!(refreshed.nonce, lease.nonce);
    host.client.release_lease(&id, &lease.nonce).await.unwrap();
    assert_eq!(code(host.client.lease(&id).await), ErrorCode::LeaseNotFound);
    host.client.uncordon(&id, &by("user")).await.unwrap();
}

#[tokio::test]
async fn metadata_changes_without_a_new_version() {
    let host = TestHost::start().await;
    let machine = host.started(&["serve"]).await;
    let mut change = SetMetadata { cause: by("user"), ..SetMetadata::default() };
    change.metadata.insert("role".into(), Some("primary".into()));
    let changed = host.client.set_metadata(&machine.id, &change).await.unwrap();
    assert_eq!(changed.config.metadata["role"], "primary");
    assert_eq!((changed.instance_id, changed.state), (machine.instance_id, MachineState::Started));
    change.metadata.insert("role".into(), None);
    assert!(host.client.set_metadata(&machine.id, &change).await.unwrap().config.metadata.is_empty());
}

#[tokio::test]
async fn a_reservation_is_held_then_given_back() {
    let host = TestHost::start().await;
    let free = host.client.host().await.unwrap().free;
    let request = ReserveRequest { app: "hello".parse().unwrap(), guest: Guest::default(), ttl_secs: 60 };
    let reservation = host.client.reserve(&request).await.unwrap();
    assert!(reservation.free.memory_mib < free.memory_mib);
    host.client.release_reservation(reservation.id).await.unwrap();
    assert_eq!(host.client.host().await.unwrap().free.memory_mib, free.memory_mib);
    assert_eq!(code(host.client.release_reservation(reservation.id).await), ErrorCode::ReservationNotFound);
}

#[tokio::test]
async fn images_of_machines_are_kept() {
    let host = TestHost::start().await;
    let id = host.started(&["serve"]).await.id;
    assert_eq!(host.client.collect_images(&CollectImages::default()).await.unwrap().images, 0);
    host.destroy(&id).await;
    assert_eq!(host.client.collect_images(&CollectImages::default()).await.unwrap().images, 1);
}

#[tokio::test]
async fn checks_follow_what_the_app_answers() {
    let host = TestHost::start().await;
    let app = TcpListener::bind("127.64.0.3:0").await.unwrap();
    let port = app.local_addr().unwrap().port();
    let (status, answer) = tokio::sync::watch::channel("200 OK");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = app.accept().await {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let status = *answer.borrow();
            let _ = stream
                .write_all(format!("HTTP/1.1 {status}\r\nconnection: close\r\n\r\nhi").as_bytes())
                .await;
        }
    });
    let mut create = create(&["serve"]);
    let service = serde_json::json!({
        "internal_port": port,
        "checks": [{ "type": "http", "path": "/", "interval": "1s", "grace_period": "0s" }, { "type": "tcp" }],
    });
    create.spec.config.services = vec![serde_json::from_value(service).unwrap()];
    let machine = host.client.create(&create).await.unwrap();
    assert_eq!(machine.ipv4.to_string(), "127.64.0.3");
    let results = async || {
        let machine = host.client.machine(&create.id).await.unwrap();
        machine.checks.into_iter().map(|check| check.status).collect::<Vec<_>>()
    };
    support::eventually("both pass", async || results().await == [CheckResult::Passing; 2]).await;
    let checks = host.client.machine(&create.id).await.unwrap().checks;
    assert_eq!(checks[0].name, format!("servicecheck-00-http-{port}"));
    assert_eq!(checks[0].output, "200 OK: hi");
    status.send_replace("503 Service Unavailable");
    let turned = [CheckResult::Critical, CheckResult::Passing];
    support::eventually("the app's trouble is seen", async || results().await == turned).await;
    assert!(host.stop_machine(&create.id).await.checks.is_empty());
}

#[tokio::test]
async fn a_command_runs_in_the_machine_and_answers_with_all_it_said() {
    let host = TestHost::start().await;
    let id = host.started(&["serve"]).await.id;
    let exec = ExecMachine { argv: vec!["anything".into()], stdin: String::new(), timeout_ms: 5000 };
    let result = host.client.exec(&id, &exec).await.unwrap();
    assert_eq!((result.exit_code, result.exit_signal, result.stdout.as_str()), (3, 0, "ran\n"));
    let cat = ExecMachine { argv: vec!["cat".into()], stdin: "typed".into(), timeout_ms: 5000 };
    assert_eq!(host.client.exec(&id, &cat).await.unwrap().stdout, "typed");
    assert_eq!(host.client.listeners(&id).await.unwrap()[0].port, 3000);
    host.stop_machine(&id).await;
    assert_eq!(code(host.client.exec(&id, &exec).await), ErrorCode::GuestUnavailable);
}

#[tokio::test]
async fn a_session_carries_input_and_output() {
    let host = TestHost::start().await;
    let id = host.started(&["serve"]).await.id;
    let (mut sender, mut receiver) = host.client.exec_stream(&id).await.unwrap().split();
    let request = ExecRequest {
        argv: vec!["cat".into()],
        env: Default::default(),
        user: None,
        working_dir: None,
        tty: None,
        timeout_ms: 0,
    };
    sender.send(&ExecFrame::Start { request }).await.unwrap();
    let data = BASE64_STANDARD.encode("typed");
    sender.send(&ExecFrame::Input { data: data.clone() }).await.unwrap();
    let echoed = receiver.recv().await.unwrap().unwrap();
    assert_eq!(echoed, ExecFrame::Output { stream: LogStream::Stdout, data });
    sender.send(&ExecFrame::Input { data: String::new() }).await.unwrap();
    let ended = receiver.recv().await.unwrap().unwrap();
    assert_eq!(ended, ExecFrame::Exited { code: 0, signal: -1 });
    assert_eq!(receiver.recv().await.unwrap(), None);
}

#[tokio::test]
async fn logs_are_followed_as_they_come() {
    let host = TestHost::start().await;
    let id = host.started(&["serve"]).await.id;
    let query = LogQuery { app: "hello".into(), tail: Some(0), follow: true, ..LogQuery::default() };
    support::eventually("the first lines are through", async || !host.output(&id).await.is_empty()).await;
    let mut logs = host.client.logs(&query).await.unwrap();
    host.fake.vm(&id).order(support::fake_guest::Control::Print("fresh".into()));
    let found =
        tokio::time::timeout(SOON, async { while logs.next().await.unwrap().unwrap().message != "fresh" {} });
    found.await.unwrap();
}
