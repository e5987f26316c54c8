//! One box, end to end, with real VMs: deploy, look, change, roll back, sleep, wake.

use std::time::Duration;

use anyhow::Result;
use roost_testbed::{App, Load, load, netns, server::EDGE, testapp, wait_until};

mod commands;
mod flycast;
mod ports;
mod roles;
#[path = "../support/mod.rs"]
mod support;
use support::server;

#[tokio::test(flavor = "current_thread")]
async fn a_machine_answers_with_its_own_kernel_and_id() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let app = App::create(&server, "hello").await?;
    app.deploy(&testapp::image("one")?).await?;

    let answer: serde_json::Value = serde_json::from_str(&app.get("/").await?)?;
    let machines = server.json(&["machine", "list", "--app", "hello"]).await?;
    assert_eq!(answer["machine"], machines[0]["id"]);
    assert_ne!(answer["kernel"], std::fs::read_to_string("/proc/sys/kernel/osrelease")?.trim());
    assert_eq!(answer["version"], "one");

    app.get("/log?3").await?;
    wait_until("three lines in the log", Duration::from_secs(60), async || {
        let log = server.run(["logs", "--app", "hello", "--no-tail"]).await.ok()?;
        (log.contains("line 1") && log.contains("line 3")).then_some(())
    })
    .await;

    let id = machines[0]["id"].as_str().unwrap();
    let said = server.run(["machine", "exec", "--app", "hello", id, "--", "/app", "say", "hello"]).await?;
    assert_eq!(said.trim(), "hello");
    let output = server.output(["machine", "exec", "--app", "hello", id, "--", "/app", "exit", "3"]).await?;
    assert_eq!(output.status.code(), Some(3));
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn secrets_reach_the_app_and_nothing_else() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let app = App::create(&server, "hello").await?;
    app.deploy(&testapp::image("one")?).await?;
    server.run(["secrets", "set", "--app", "hello", "PASSWORD=correct-horse"]).await?;
    wait_until("the secret in the app", Duration::from_secs(60), async || {
        (app.get("/env?PASSWORD").await.ok()? == "correct-horse").then_some(())
    })
    .await;
    let listed = server.run(["secrets", "list", "--app", "hello"]).await?;
    assert!(listed.contains("PASSWORD") && !listed.contains("correct-horse"));
    assert!(!server.log().contains("correct-horse"));
    for file in ["directory.db", "directory.db-wal", "host/host.db", "host/host.db-wal"] {
        let bytes = std::fs::read(server.data_dir().join(file)).unwrap_or_default();
        assert!(!bytes.windows(13).any(|w| w == b"correct-horse"), "{file} holds the secret in the clear");
    }
    server.run(["secrets", "unset", "--app", "hello", "PASSWORD"]).await?;
    wait_until("the secret is gone", Duration::from_secs(60), async || {
        app.get("/env?PASSWORD").await.ok()?.is_empty().then_some(())
    })
    .await;
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn an_idle_machine_sleeps_and_one_request_wakes_it() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let app = App::create(&server, "sleepy").await?;
    app.deploy_with(&testapp::image("one")?, "auto_stop_machines = \"stop\"").await?;
    app.get("/").await?;
    server.machine_in("sleepy", "stopped", Duration::from_secs(60)).await;

    let waiters = (0..20).map(|_| app.get("/"));
    for answer in futures::future::join_all(waiters).await {
        assert!(answer?.contains("\"version\":\"one\""));
    }
    let machines = server.json(&["machine", "list", "--app", "sleepy"]).await?;
    let id = machines[0]["id"].as_str().unwrap();
    let status = server.json(&["machine", "status", id, "--app", "sleepy"]).await?;
    let starts = status["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|e| e["type"] == "start" && e["source"] == "proxy");
    assert_eq!(starts.count(), 1, "20 waiters share one wake: {status:#}");
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn an_idle_machine_is_suspended_and_a_request_finds_its_memory() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let app = App::create(&server, "dozy").await?;
    let said = app.deploy_with(&testapp::image("one")?, "auto_stop_machines = \"suspend\"").await?;
    assert!(!said.contains("auto_stop_machines"), "{said}");
    assert_eq!(app.get("/count").await?, "1");
    let id = server.machine_in("dozy", "suspended", Duration::from_secs(60)).await;
    assert_eq!(app.get("/count").await?, "2");

    server.run(["machine", "suspend", &id, "--app", "dozy"]).await?;
    server.machine_in("dozy", "suspended", Duration::from_secs(1)).await;
    server.run(["machine", "start", &id, "--app", "dozy"]).await?;
    assert_eq!(app.get("/count").await?, "3");

    server.machine_in("dozy", "suspended", Duration::from_secs(60)).await;
    app.deploy_with(&testapp::image("two")?, "auto_stop_machines = \"suspend\"").await?;
    assert!(
        app.get("/").await?.contains("\"version\":\"two\""),
        "a new release drops the memory of the old one"
    );
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn killing_the_server_stops_no_machine() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let app = App::create(&server, "sturdy").await?;
    app.deploy(&testapp::image("one")?).await?;
    let before: serde_json::Value = serde_json::from_str(&app.get("/").await?)?;
    let machines = server.json(&["machine", "list", "--app", "sturdy"]).await?;

    let ipv4 = server.machine_ipv4(machines[0]["id"].as_str().unwrap()).await?;

    server.kill();
    let alone = load::get((ipv4, 8080).into(), "machine", "/log?5").await?;
    assert_eq!(alone, "logged 5\n");

    server.restart().await?;
    let after: serde_json::Value = serde_json::from_str(&app.get("/").await?)?;
    assert_eq!((&before["machine"], &before["pid"]), (&after["machine"], &after["pid"]));
    wait_until("what the machine said meanwhile", Duration::from_secs(60), async || {
        let log = server.run(["logs", "--app", "sturdy", "--no-tail"]).await.ok()?;
        log.contains("line 5").then_some(())
    })
    .await;
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn deploy_rollback_and_wake_fail_no_request_under_load() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let app = App::create(&server, "busy").await?;
    app.deploy(&testapp::image("one")?).await?;

    let load = Load::start(EDGE, &app.host(), "/", 4, Duration::from_millis(20));
    app.deploy(&testapp::image("two")?).await?;
    assert!(app.get("/").await?.contains("\"version\":\"two\""));
    server.run(["rollback", "--app", "busy"]).await?;
    assert!(app.get("/").await?.contains("\"version\":\"one\""));
    server.run(["scale", "count", "2", "--app", "busy"]).await?;
    let machines = server.json(&["machine", "list", "--app", "busy"]).await?;
    let id = machines[0]["id"].as_str().unwrap();
    server.run(["machine", "stop", id, "--app", "busy"]).await?;
    let report = load.finish().await;
    assert_eq!(report.failed, 0, "{report:#?}");
    assert!(report.answered > 100, "{report:#?}");
    let versions = |text: &str| report.bodies.keys().filter(|b| b.contains(text)).count();
    assert!(versions("\"version\":\"one\"") > 0 && versions("\"version\":\"two\"") > 0);
    Ok(())
}
