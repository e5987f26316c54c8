//! Volumes in real VMs: what an app writes to one is there after everything that can happen to the app.

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::{Result, ensure};
use roost_testbed::{App, Server, app::service_config, netns, testapp, wait_until};
use serde_json::Value;

mod support;
use support::server;

const MOUNTS: &str = "[mounts]\nsource = \"data\"\ndestination = \"/data\"\ninitial_size = \"1gb\"\n";

/// A boot on a busy machine.
const BOOT: Duration = Duration::from_secs(90);

async fn deploy(server: &Server, app: &App<'_>, version: &str) -> Result<()> {
    app.configure(&format!("{}\n{MOUNTS}", service_config("")))?;
    let image = app.push(&testapp::image(version)?).await?;
    server.run(app.deploy_arguments(&image)).await.map(drop)
}

async fn append(app: &App<'_>, line: &str) -> Result<()> {
    let answer = app.get(&format!("/append?{line}")).await?;
    ensure!(answer == "ok\n", "{answer}");
    Ok(())
}

async fn lines(app: &App<'_>) -> String {
    wait_until("the app's answer", BOOT, async || app.get("/lines").await.ok()).await
}

async fn volumes(server: &Server, app: &str) -> Result<Vec<Value>> {
    Ok(server.json(&["volumes", "list", "--app", app]).await?.as_array().cloned().unwrap_or_default())
}

#[tokio::test(flavor = "current_thread")]
async fn what_an_app_wrote_survives_stop_deploy_rollback_crash_and_the_host() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let app = App::create(&server, "keeper").await?;
    deploy(&server, &app, "one").await?;
    append(&app, "deploy").await?;
    let machine = app.machines().await?[0]["id"].as_str().unwrap().to_owned();

    server.run(["machine", "stop", &machine, "--app", "keeper"]).await?;
    server.run(["machine", "start", &machine, "--app", "keeper"]).await?;
    assert_eq!(lines(&app).await, "deploy\n");
    append(&app, "stop").await?;

    deploy(&server, &app, "two").await?;
    assert_eq!(app.machines().await?[0]["id"], machine.as_str(), "the machine is updated where it is");
    append(&app, "update").await?;
    server.run(["rollback", "--app", "keeper"]).await?;
    assert!(app.get("/").await?.contains("\"version\":\"one\""));
    append(&app, "rollback").await?;

    // What was flushed is there even after the VMM is killed, with the server gone.
    server.kill();
    let vmm = server.vmm_pid(&machine).expect("the machine runs");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(vmm), nix::sys::signal::Signal::SIGKILL)?;
    server.restart().await?;
    assert_eq!(lines(&app).await, "deploy\nstop\nupdate\nrollback\n");

    wait_until("the machine is healthy again", BOOT, async || {
        let checks = app.machines().await.ok()?[0]["checks"].as_array()?.clone();
        checks.iter().all(|check| check["status"] == "passing").then_some(())
    })
    .await;

    // Each machine has a volume of its own, and leaves it when it goes.
    server.run(["scale", "count", "2", "--app", "keeper"]).await?;
    assert_eq!(volumes(&server, "keeper").await?.len(), 2);
    server.run(["scale", "count", "1", "--app", "keeper"]).await?;
    let left = volumes(&server, "keeper").await?;
    assert_eq!(left.iter().filter(|volume| volume["attached_machine_id"].is_null()).count(), 1);

    app.configure(&format!("{}\n{}", service_config(""), MOUNTS.replace("\"data\"", "\"other\"")))?;
    let image = app.push(&testapp::image("two")?).await?;
    let refused = server.refused(app.deploy_arguments(&image)).await?;
    assert!(refused.contains("keeps it"), "{refused}");
    let refused = server.refused(["volumes", "destroy", left_of(&left), "--yes", "--app", "keeper"]).await?;
    assert!(refused.contains("attached to machine"), "{refused}");
    Ok(())
}

/// The volume that a machine has.
fn left_of(volumes: &[Value]) -> &str {
    let attached = volumes.iter().find(|volume| !volume["attached_machine_id"].is_null());
    attached.and_then(|volume| volume["id"].as_str()).expect("a machine has a volume")
}

#[tokio::test(flavor = "current_thread")]
async fn snapshots_and_forks_of_a_volume_in_use_are_whole() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let app = App::create(&server, "writer").await?;
    deploy(&server, &app, "one").await?;
    append(&app, "before").await?;
    app.get("/scribble").await?;
    let id = volumes(&server, "writer").await?[0]["id"].as_str().unwrap().to_owned();

    let snapshot = server.json(&["volumes", "snapshots", "create", &id, "--app", "writer"]).await?;
    let snapshot = snapshot["id"].as_str().unwrap().to_owned();
    wait_until("the snapshot is taken", BOOT, async || {
        let list = server.json(&["volumes", "snapshots", "list", &id, "--app", "writer"]).await.ok()?;
        (list[0]["status"] == "created").then_some(())
    })
    .await;
    append(&app, "after").await?;
    let restored = ["volumes", "create", "restored", "--snapshot-id", &snapshot, "--app", "writer"];
    let restored = server.json(&restored).await?;
    let forked = server.json(&["volumes", "fork", &id, "--app", "writer"]).await?;
    assert_eq!(whole(&server, "writer", &restored).await?, "before\n");
    assert_eq!(whole(&server, "writer", &forked).await?, "before\nafter\n");
    // The writer was not lost over it, and its volume grows under it.
    append(&app, "later").await?;
    let extended = server.json(&["volumes", "extend", &id, "--size", "2", "--app", "writer"]).await?;
    assert_eq!(extended["needs_restart"], false);
    wait_until("the guest tells of the new size", BOOT, async || {
        let shown = server.json(&["volumes", "show", &id, "--app", "writer"]).await.ok()?;
        (shown["bytes_total"].as_u64()? > 3 << 29).then_some(())
    })
    .await;
    assert_eq!(lines(&app).await, "before\nafter\nlater\n");
    Ok(())
}

/// Waits until a volume is filled, and checks a copy of its file system; gives what the app wrote.
async fn whole(server: &Server, app: &str, volume: &Value) -> Result<String> {
    let id = volume["id"].as_str().unwrap();
    wait_until("the volume is filled", BOOT, async || {
        let shown = server.json(&["volumes", "show", id, "--app", app]).await.ok()?;
        (shown["state"] == "created").then_some(())
    })
    .await;
    let folder = tempfile::tempdir()?;
    let copy: PathBuf = folder.path().join("copy");
    let disk = server.data_dir().join("host/volumes").join(id).join("disk.ext4");
    ensure!(Command::new("cp").arg("--sparse=always").arg(&disk).arg(&copy).status()?.success());
    let check = Command::new("e2fsck").arg("-fn").arg(&copy).output()?;
    ensure!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    let lines = Command::new("debugfs").args(["-R", "cat /lines"]).arg(&copy).output()?;
    Ok(String::from_utf8(lines.stdout)?)
}
