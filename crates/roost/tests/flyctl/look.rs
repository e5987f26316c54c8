//! Looking at an app: status, releases, logs, configuration, checks, image.

use std::time::Duration;

use anyhow::Result;
use roost_testbed::wait_until;

use crate::{assert_says, fly::Flyctl, shop::Shop, support::server};

pub async fn an_app_is_looked_at() -> Result<()> {
    let server = server().await?;
    let shop = Shop::open(&server).await?;
    shop.deploy("first", &[]).await?;
    shop.deploy("second", &[]).await?;
    let (app, fly, id) = (&shop.app, &shop.fly, shop.only_machine().await?);

    let status = fly.run("status", &["--app", "shop"]).await?;
    assert_says(&status, &["shop.roost.localhost", &id, "started", "1 total, 1 passing"]);
    let status = fly.json("status", &["--app", "shop"]).await?;
    assert_eq!((&status["Deployed"], &status["Version"]), (&true.into(), &2.into()));
    assert_eq!(status["Machines"][0]["id"], id);

    let releases = fly.json("releases", &["--app", "shop"]).await?;
    let first = (&releases[0]["Version"], &releases[0]["Status"]);
    assert_eq!(first, (&2.into(), &"complete".into()), "{releases:#}");
    assert_says(&fly.run("releases", &["--app", "shop", "--image"]).await?, &["v2", "v1", "@sha256:"]);

    assert_says(
        &fly.run("checks list", &["--app", "shop"]).await?,
        &["servicecheck-00-http-8080", "passing"],
    );
    let shown = fly.json("image show", &["--app", "shop"]).await?;
    assert_says(&shown.to_string(), &[&id, "sha256:"]);

    let private = fly.json("ips private", &["--app", "shop"]).await?;
    assert_says(&private.to_string(), &["fdaa:"]);
    let theirs = fly.json("apps releases", &["--app", "shop"]).await?;
    assert_eq!(theirs[0]["Version"], 2, "{theirs:#}");

    app.get("/log?3").await?;
    wait_until("three lines in the log", Duration::from_secs(30), async || {
        let log = fly.run("logs", &["--app", "shop", "--no-tail"]).await.ok()?;
        (log.contains("line 1") && log.contains("line 3") && log.contains(&id)).then_some(())
    })
    .await;
    configuration(fly).await
}

/// The fly.toml of the last deploy comes back.
async fn configuration(fly: &Flyctl) -> Result<()> {
    let shown = fly.run("config show", &["--app", "shop"]).await?;
    assert_says(&shown, &["\"internal_port\": 8080", "\"primary_region\": \"local\""]);
    fly.run("config save", &["--app", "shop", "--yes"]).await?;
    let saved = std::fs::read_to_string(fly.folder().join("fly.toml"))?;
    assert_says(&saved, &["app = 'shop'", "internal_port = 8080", "[[http_service.checks]]"]);
    assert_says(&fly.run("config validate", &[]).await?, &["is valid"]);
    fly.run("secrets set", &["HIDDEN=value", "--app", "shop", "--stage"]).await?;
    let shown = fly.run("config env", &["--app", "shop"]).await?;
    assert!(shown.contains("HIDDEN") && !shown.contains("value"), "{shown}");
    Ok(())
}
