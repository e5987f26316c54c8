//! `fly machine`: one machine at a time.

use std::time::Duration;

use anyhow::{Context, Result};
use roost_testbed::{App, Server, testapp, wait_until};
use serde_json::Value;

use crate::{answering_machine, assert_says, fly::Flyctl, machine, support::server};

pub async fn a_machines_life_in_flyctls_hands() -> Result<()> {
    let server = server().await?;
    let app = App::create(&server, "web").await?;
    app.deploy(&testapp::image("one")?).await?;
    let fly = Flyctl::new(&server)?;
    let id = answering_machine(&app).await?;

    shown(&fly, &id).await?;
    stopped_and_started(&server, &app, &fly, &id).await?;
    kept_from_requests(&app, &fly, &id).await?;
    asked_from_inside(&fly, &id).await?;
    updated_in_place(&server, &app, &fly, &id).await?;
    restarted_with_its_app(&server, &app, &fly, &id).await?;
    cloned(&app, &fly, &id).await
}

async fn shown(fly: &Flyctl, id: &str) -> Result<()> {
    let listed = fly.json("machine list", &["-a", "web"]).await?;
    assert_eq!(listed[0]["id"], id);
    assert_eq!(fly.run("machine list", &["-a", "web", "--quiet"]).await?.trim(), id);
    let status = fly.run("machine status", &[id, "-a", "web"]).await?;
    assert_says(&status, &[id, "State: started", "HostStatus: ok", "passing", "launch", "256"]);
    let places = fly.json("machine place", &["--org", "personal", "--vm-size", "shared-cpu-1x"]).await?;
    assert_eq!(places[0]["Region"], "local", "{places}");
    let unknown = fly.refused("machine status", &["00000000000000", "-a", "web"]).await?;
    assert_says(&unknown, &["00000000000000"]);
    Ok(())
}

async fn stopped_and_started(server: &Server, app: &App<'_>, fly: &Flyctl, id: &str) -> Result<()> {
    fly.run("machine stop", &[id, "-a", "web", "--wait-timeout", "60s"]).await?;
    assert_eq!(state(app, id).await?, "stopped");
    assert_eq!(server.vmm_pid(id), None);

    fly.run("machine start", &[id, "-a", "web"]).await?;
    fly.run("machine wait", &[id, "-a", "web", "--state", "started"]).await?;
    assert_eq!(state(app, id).await?, "started");
    assert_eq!(answering_machine(app).await?, id);
    let late = ["--state", "stopped", "--wait-timeout", "2s"];
    let late = fly.refused("machine wait", &[&[id, "-a", "web"], &late[..]].concat()).await?;
    assert_says(&late, &["did not reach \"stopped\""]);

    let before = server.vmm_pid(id).context("a VMM")?;
    fly.run("machine restart", &[id, "-a", "web"]).await?;
    let after = server.vmm_pid(id).context("a VMM after the restart")?;
    assert_ne!(before, after, "another VM");
    assert_eq!(answering_machine(app).await?, id);

    fly.run("machine suspend", &[id, "-a", "web", "--wait-timeout", "60s"]).await?;
    assert_eq!(state(app, id).await?, "suspended");
    assert_eq!(server.vmm_pid(id), None);
    fly.run("machine start", &[id, "-a", "web"]).await?;
    fly.run("machine wait", &[id, "-a", "web", "--state", "started"]).await?;
    assert_eq!(answering_machine(app).await?, id);
    let after = server.vmm_pid(id).context("a VMM after the suspension")?;

    fly.run("machine kill", &[id, "-a", "web"]).await?;
    wait_until("the killed machine starts again", Duration::from_secs(60), async || {
        (server.vmm_pid(id)? != after && state(app, id).await.ok()? == "started").then_some(())
    })
    .await;
    let status = fly.run("machine status", &[id, "-a", "web"]).await?;
    assert_says(&status, &["exit_code=137,oom_killed=false,requested_stop=false"]);
    Ok(())
}

async fn kept_from_requests(app: &App<'_>, fly: &Flyctl, id: &str) -> Result<()> {
    answering_machine(app).await?;
    fly.run("machine cordon", &[id, "-a", "web"]).await?;
    wait_until("the edge to leave the cordoned machine alone", Duration::from_secs(30), async || {
        app.get("/").await.is_err().then_some(())
    })
    .await;
    fly.run("machine uncordon", &[id, "-a", "web"]).await?;
    wait_until("an answer after the cordon", Duration::from_secs(30), async || {
        (answering_machine(app).await.ok()? == id).then_some(())
    })
    .await;
    Ok(())
}

async fn asked_from_inside(fly: &Flyctl, id: &str) -> Result<()> {
    let said = fly.run("machine exec", &[id, "/app say hello", "-a", "web"]).await?;
    assert_eq!(said.trim(), "hello");
    let failed = fly.run("machine exec", &[id, "/app exit 3", "-a", "web"]).await?;
    assert_says(&failed, &["Exit code: 3"]);
    Ok(())
}

async fn updated_in_place(server: &Server, app: &App<'_>, fly: &Flyctl, id: &str) -> Result<()> {
    let update = ["--vm-memory", "512", "--env", "COLOUR=green", "--yes"];
    fly.run("machine update", &[&[id, "-a", "web"], &update[..]].concat()).await?;
    assert_eq!(app.get("/env?COLOUR").await?, "green");
    assert_eq!(memory_mib(server, id), Some("512".to_owned()));
    assert_eq!(answering_machine(app).await?, id);
    Ok(())
}

async fn restarted_with_its_app(server: &Server, app: &App<'_>, fly: &Flyctl, id: &str) -> Result<()> {
    let before = server.vmm_pid(id).context("a VMM")?;
    fly.run("apps restart", &["web"]).await?;
    assert_ne!(server.vmm_pid(id), Some(before), "another VM");
    assert_eq!(answering_machine(app).await?, id);
    Ok(())
}

async fn cloned(app: &App<'_>, fly: &Flyctl, id: &str) -> Result<()> {
    fly.run("machine clone", &[id, "-a", "web", "--name", "twin"]).await?;
    let machines = app.machines().await?;
    let twin = machines.iter().find(|m| m["name"] == "twin").context("the clone")?;
    assert_eq!((machines.len(), &twin["state"]), (2, &"started".into()));
    assert_eq!(twin["config"]["env"]["COLOUR"], "green");
    let twin = twin["id"].as_str().unwrap_or_default();
    fly.run("machine stop", &[id, "-a", "web", "--wait-timeout", "60s"]).await?;
    wait_until("an answer of the clone", Duration::from_secs(30), async || {
        (answering_machine(app).await.ok()? == twin).then_some(())
    })
    .await;
    Ok(())
}

pub async fn machines_are_made_by_hand() -> Result<()> {
    let server = server().await?;
    let fly = Flyctl::new(&server)?;
    fly.run("apps create", &["web", "--org", "personal"]).await?;
    let app = App::of(&server, "web")?;
    let image = app.push(&testapp::image("one")?).await?;
    let options = [&image, "--app", "web", "--region", "local"];

    let service = ["--name", "runner", "--port", "80:8080/tcp:http", "--env", "COLOUR=blue"];
    fly.run("machine run", &[&options[..], &service].concat()).await?;
    let runner = answering_machine(&app).await?;
    assert_eq!(app.get("/env?COLOUR").await?, "blue");
    let twice = fly.refused("machine run", &[&options[..], &service].concat()).await?;
    assert_says(&twice, &["runner"]);

    fly.run("machine create", &[&options[..], &["--name", "later"]].concat()).await?;
    let machines = app.machines().await?;
    let later = machines.iter().find(|m| m["name"] == "later").context("the machine")?;
    let later = later["id"].as_str().unwrap_or_default();
    assert_eq!(server.vmm_pid(later), None, "made, not started");
    fly.run("machine start", &[later, "-a", "web"]).await?;
    fly.run("machine wait", &[later, "-a", "web", "--state", "started"]).await?;
    assert!(server.vmm_pid(later).is_some());

    leased(&server, &fly, later).await?;
    assert_says(&fly.refused("machine destroy", &[&runner, "-a", "web"]).await?, &["--force"]);
    for id in [&runner, later] {
        fly.run("machine destroy", &[id, "--force", "-a", "web"]).await?;
    }
    wait_until("nothing is left of them", Duration::from_secs(60), async || {
        server.leftovers().is_empty().then_some(())
    })
    .await;
    assert!(app.machines().await?.is_empty());
    Ok(())
}

/// A lease that somebody else has.
async fn leased(server: &Server, fly: &Flyctl, id: &str) -> Result<()> {
    assert_says(&fly.run("machine leases view", &[id, "-a", "web"]).await?, &["No leases found"]);
    let path = format!("/v1/apps/web/machines/{id}/lease?ttl=600");
    let lease: Value = serde_json::from_str(&server.post(&path, &Value::Null).await?)?;
    let nonce = lease["data"]["nonce"].as_str().context("a nonce")?;
    assert_says(&fly.run("machine leases view", &[id, "-a", "web"]).await?, &[nonce]);
    fly.run("machine leases clear", &[id, "-a", "web"]).await?;
    assert_says(&fly.run("machine leases view", &[id, "-a", "web"]).await?, &["No leases found"]);
    Ok(())
}

async fn state(app: &App<'_>, id: &str) -> Result<String> {
    Ok(machine(app, id).await?["state"].as_str().unwrap_or_default().to_owned())
}

/// What the VMM was started with.
fn memory_mib(server: &Server, id: &str) -> Option<String> {
    let arguments = server.vmm_arguments(id)?;
    let at = arguments.iter().position(|a| a == "-m")?;
    Some(arguments.get(at + 1)?.trim_end_matches('M').to_owned())
}
