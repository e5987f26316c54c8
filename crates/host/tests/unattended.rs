//! What happens to machines without anybody asking: schedules, stand-ins, disks that stay, metrics.

mod support;

use jiff::{SignedDuration, Timestamp};
use roost_host::HostSettings;
use roost_host_api::{Machine, UpdateMachine};
use roost_model::{
    MachineState,
    machine::{EnvFrom, FieldRef, Metrics, Persist, Process, Restart, RestartPolicy, Rootfs, Schedule},
};
use support::{SOON, TestHost, by, create};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

#[tokio::test]
async fn a_start_that_was_due_while_the_host_was_away_is_made_up_for_once() {
    let host = TestHost::start().await;
    let mut hourly = create(&["exit", "0"]);
    hourly.spec.config.schedule = Some(Schedule::Hourly);
    hourly.skip_launch = true;
    let id = hourly.id.clone();
    host.client.create(&hourly).await.unwrap();
    host.wait(&id, MachineState::Stopped).await;
    let (dir, fake) = (host.dir.clone(), host.fake.clone());
    host.stop().await;
    // It was created three and a half hours ago.
    let database = rusqlite::Connection::open(dir.path().join("host/host.db")).unwrap();
    let created = Timestamp::now() - SignedDuration::from_mins(210);
    let age = "UPDATE machines SET record = json_set(record, '$.created_at', ?1)";
    database.execute(age, [created.to_string()]).unwrap();
    drop(database);

    let host = TestHost::open(dir, fake, HostSettings::default()).await;
    let ended = async |host: &TestHost| {
        let machine = host.client.machine(&id).await.unwrap();
        machine.state == MachineState::Stopped && machine.events.iter().any(|event| event.kind == "exit")
    };
    support::eventually("it has run", async || ended(&host).await).await;
    let host = host.restart().await;
    let machine = host.client.machine(&id).await.unwrap();
    let start = machine.events.iter().rfind(|event| event.kind == "start").unwrap();
    assert_eq!(start.request.as_ref().unwrap().reason.as_deref(), Some("its schedule"));
    assert_eq!(host.fake.spawned(), 1, "once for all that it missed, and not again after a restart");
}

#[tokio::test]
async fn a_stand_in_starts_when_the_other_one_fails_for_good_and_not_when_it_is_stopped() {
    let host = TestHost::start().await;
    let mut worker = create(&["serve"]);
    worker.spec.config.restart =
        Some(Restart { policy: RestartPolicy::OnFailure, max_retries: Some(1), extra: Default::default() });
    host.client.create(&worker).await.unwrap();
    host.wait(&worker.id, MachineState::Started).await;
    let mut standby = create(&["serve"]);
    standby.spec.config.standbys = vec![worker.id.to_string()];
    standby.skip_launch = true;
    host.client.create(&standby).await.unwrap();
    host.wait(&standby.id, MachineState::Stopped).await;

    host.stop_machine(&worker.id).await;
    host.client.start(&worker.id, &by("user")).await.unwrap();
    for _ in 0..2 {
        host.wait(&worker.id, MachineState::Started).await;
        let still = host.client.machine(&standby.id).await.unwrap();
        assert_eq!(
            still.state,
            MachineState::Stopped,
            "it was stopped, then failed once and was started again"
        );
        let before = host.fake.spawned();
        host.fake.vm(&worker.id).order(support::fake_guest::Control::Exit(3));
        support::eventually("the failure is dealt with", async || {
            host.fake.spawned() > before
                || host.client.machine(&worker.id).await.unwrap().state == MachineState::Stopped
        })
        .await;
    }
    let machine = host.wait(&standby.id, MachineState::Started).await;
    let why = machine.events.iter().find_map(|event| event.request.as_ref()?.reason.clone()).unwrap();
    assert!(why.contains(worker.id.as_str()), "{why}");
    host.stop_machine(&standby.id).await;
    let host = host.restart().await;
    assert_eq!(
        host.client.machine(&standby.id).await.unwrap().state,
        MachineState::Stopped,
        "it has answered"
    );
}

#[tokio::test]
async fn a_root_that_stays_is_kept_until_an_update_or_for_good() {
    for (persist, after_update) in [(Persist::Restart, false), (Persist::Always, true)] {
        let host = TestHost::start().await;
        let mut create = create(&["serve"]);
        create.spec.config.rootfs = Some(Rootfs { persist: Some(persist), ..Rootfs::default() });
        host.client.create(&create).await.unwrap();
        let id = create.id.clone();
        host.wait(&id, MachineState::Started).await;
        let disk = host.dir.path().join(format!("host/machines/{id}/scratch.ext4"));
        std::fs::write(&disk, "what it wrote").unwrap();
        let kept = || std::fs::read(&disk).is_ok_and(|content| content == b"what it wrote");
        host.stop_machine(&id).await;
        host.client.start(&id, &by("user")).await.unwrap();
        host.wait(&id, MachineState::Started).await;
        assert!(kept(), "{persist:?} after a stop");
        let update = UpdateMachine {
            spec: create.spec.clone(),
            name: None,
            current_version: None,
            skip_launch: false,
            lease_nonce: None,
            lease: None,
            source: "user".into(),
        };
        let version = host.client.update(&id, &update).await.unwrap().instance_id;
        host.client.wait(&id, MachineState::Started, Some(version), SOON).await.unwrap();
        assert_eq!(kept(), after_update, "{persist:?} after an update");
        host.destroy(&id).await;
        assert!(!disk.exists());
    }
}

#[tokio::test]
async fn variables_of_a_process_can_be_the_machine_s_own() {
    let host = TestHost::start().await;
    let mut create = create(&["serve"]);
    let of = |env_var: &str, field_ref| EnvFrom { env_var: env_var.to_owned(), field_ref };
    create.spec.config.processes = vec![Process {
        exec: Some(vec!["serve".into()]),
        env_from: vec![of("ME", FieldRef::Id), of("WHERE", FieldRef::Region)],
        ..Process::default()
    }];
    host.client.create(&create).await.unwrap();
    let expected = [format!("ME={}", create.id), "WHERE=fra".to_owned()];
    support::eventually("the variables are in the log", async || {
        let output = host.output(&create.id).await;
        expected.iter().all(|line| output.contains(line))
    })
    .await;
}

#[tokio::test]
async fn metrics_of_an_app_say_which_machine_they_are_of() {
    let host =
        TestHost::with_settings(HostSettings { metrics_interval_secs: 1, ..HostSettings::default() }).await;
    let app = TcpListener::bind("127.64.0.3:0").await.unwrap();
    let port = app.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = app.accept().await {
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await.unwrap_or(0);
            assert!(request[..read].starts_with(b"GET /numbers "));
            let page = "# TYPE hits counter\nhits{code=\"200\"} 7\n";
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{page}", page.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let mut create = create(&["serve"]);
    create.spec.config.metrics = Some(Metrics { port, path: Some("/numbers".into()), https: None });
    let machine: Machine = host.client.create(&create).await.unwrap();
    assert_eq!(machine.ipv4.to_string(), "127.64.0.3");
    let labels = format!("app=\"hello\",region=\"fra\",host=\"testhost\",instance=\"{}\"", machine.id);
    let expected = [
        "# TYPE hits counter".to_owned(),
        format!("hits{{{labels},code=\"200\"}} 7"),
        format!("roost_metrics_up{{{labels}}} 1"),
    ];
    support::eventually("the page is there", async || {
        let page = host.client.metrics(Some(&machine.app)).await.unwrap();
        expected.iter().all(|line| page.lines().any(|found| found == line))
    })
    .await;
    let others = host.client.metrics(Some(&"other".parse().unwrap())).await.unwrap();
    assert_eq!(others, "");
    host.stop_machine(&machine.id).await;
    support::eventually("it is gone with the machine", async || {
        host.client.metrics(None).await.unwrap().is_empty()
    })
    .await;
}
