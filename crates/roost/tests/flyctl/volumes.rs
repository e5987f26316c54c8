//! `fly volumes`: data that outlives machines.

use std::time::Duration;

use anyhow::{Context, Result};
use roost_testbed::{App, Server, load, testapp, wait_until};
use serde_json::Value;

use crate::{assert_says, fly::Flyctl, support::server};

pub async fn a_volumes_life_in_flyctls_hands() -> Result<()> {
    let server = server().await?;
    let fly = Flyctl::new(&server)?;
    fly.run("apps create", &["db", "--org", "personal"]).await?;

    let options = ["--app", "db", "--region", "local", "--size", "1", "--yes"];
    let made = fly.json("volumes create", &[&["data"], &options[..]].concat()).await?;
    let id = id_of(&made)?;
    let listed = fly.json("volumes list", &["--app", "db"]).await?;
    assert_eq!((listed.as_array().map(Vec::len), &listed[0]["id"]), (Some(1), &id.as_str().into()));

    let app = App::of(&server, "db")?;
    let image = app.push(&testapp::image("one")?).await?;
    let mount = format!("{id}:/data");
    let run = [&image, "--app", "db", "--volume", &mount, "--region", "local", "--name", "first"];
    fly.run("machine run", &run).await?;
    let machine = app.machines().await?[0]["id"].as_str().unwrap_or_default().to_owned();
    ask(&server, &machine, "/append?kept").await?;
    let shown = fly.json("volumes show", &[&id, "--app", "db"]).await?;
    assert_eq!(shown["attached_machine_id"], machine.as_str());

    fly.run("volumes snapshots create", &[&id, "--app", "db"]).await?;
    let snapshots = fly.json("volumes snapshots list", &[&id, "--app", "db"]).await?;
    assert_eq!(snapshots.as_array().map(Vec::len), Some(1), "{snapshots:#}");
    let extended = fly.json("volumes extend", &[&id, "--size", "2", "--app", "db", "--yes"]).await?;
    assert_eq!(extended["size_gb"], 2);
    let kept = ["--snapshot-retention", "9", "--scheduled-snapshots=false", "--app", "db"];
    fly.run("volumes update", &[&[id.as_str()], &kept[..]].concat()).await?;
    let shown = fly.json("volumes show", &[&id, "--app", "db"]).await?;
    assert_eq!((&shown["snapshot_retention"], &shown["auto_backup_enabled"]), (&9.into(), &false.into()));
    let fork = id_of(&fly.json("volumes fork", &[&id, "--app", "db", "--name", "copy"]).await?)?;

    let attached = fly.refused("volumes destroy", &[&id, "--app", "db", "--yes"]).await?;
    assert_says(&attached, &[&id]);
    fly.run("machine destroy", &[&machine, "--force", "--app", "db"]).await?;
    free(&fly, &id).await;
    for (name, volume) in [("second", &id), ("forked", &fork)] {
        let mount = format!("{volume}:/data");
        let run = [&image, "--app", "db", "--volume", &mount, "--region", "local", "--name", name];
        fly.run("machine run", &run).await?;
        let machines = app.machines().await?;
        let machine = machines.iter().find(|m| m["name"] == name).context("the machine")?;
        let machine = machine["id"].as_str().unwrap_or_default();
        assert_says(&ask(&server, machine, "/lines").await?, &["kept"]);
        fly.run("machine destroy", &[machine, "--force", "--app", "db"]).await?;
        free(&fly, volume).await;
    }
    fly.run("volumes destroy", &[&id, &fork, "--app", "db", "--yes"]).await?;
    assert_eq!(fly.json("volumes list", &["--app", "db"]).await?, Value::Array(Vec::new()));
    Ok(())
}

/// Waits until the volume's machine is gone, which flyctl does not.
async fn free(fly: &Flyctl, volume: &str) {
    wait_until("the volume is free", Duration::from_secs(60), async || {
        let shown = fly.json("volumes show", &[volume, "--app", "db"]).await.ok()?;
        shown["attached_machine_id"].is_null().then_some(())
    })
    .await;
}

/// A request to the machine itself, once its app listens.
async fn ask(server: &Server, machine: &str, path: &str) -> Result<String> {
    let address = (server.machine_ipv4(machine).await?, 8080).into();
    Ok(wait_until("an answer of the machine", Duration::from_secs(60), async || {
        load::get(address, "machine", path).await.ok()
    })
    .await)
}

fn id_of(volume: &Value) -> Result<String> {
    Ok(volume["id"].as_str().with_context(|| format!("the volume's id: {volume}"))?.to_owned())
}
