//! `fly deploy`: every strategy, what comes before a deploy, and deploys that must fail.

use std::time::Duration;

use anyhow::Result;
use roost_testbed::{Load, testapp, testapp::image_with};

use crate::{assert_says, shop::Shop, support::server};

pub async fn every_strategy_brings_the_new_version() -> Result<()> {
    let server = server().await?;
    let shop = Shop::open(&server).await?;
    shop.deploy("first", &[]).await?;
    let machine = shop.only_machine().await?;

    shop.deploy("rolled", &[]).await?;
    assert_eq!(shop.only_machine().await?, machine, "updated in place");
    shop.deploy("at-once", &["--strategy", "immediate"]).await?;
    shop.deploy("tried", &["--strategy", "canary"]).await?;
    assert_eq!(shop.only_machine().await?, machine, "the canary is gone");

    let load = Load::start(server.edge(), &shop.app.host(), "/", 2, Duration::from_millis(50));
    shop.deploy("green", &["--strategy", "bluegreen"]).await?;
    assert_ne!(shop.only_machine().await?, machine, "another machine");
    let report = load.finish().await;
    assert_eq!(report.failed, 0, "{report:#?}");

    let releases = server.json(&["releases", "--app", "shop"]).await?;
    let versions: Vec<u64> = (releases.as_array().into_iter().flatten())
        .filter_map(|release| release["version"].as_u64())
        .collect();
    assert_eq!(versions, [5, 4, 3, 2, 1]);
    assert_eq!(releases[0]["current"], true);
    Ok(())
}

pub async fn a_release_command_decides() -> Result<()> {
    let server = server().await?;
    let shop = Shop::open(&server).await?;
    shop.deploy("first", &[]).await?;

    shop.configure("[deploy]\nrelease_command = \"say migrated\"\n")?;
    shop.deploy("second", &[]).await?;
    let log = server.run(["logs", "--app", "shop", "--no-tail"]).await?;
    assert_says(&log, &["migrated"]);

    shop.configure("[deploy]\nrelease_command = \"exit 3\"\n")?;
    let said = shop.refused(&testapp::image("third")?, &[]).await?;
    assert_says(&said, &["release_command", "exit code 3"]);
    shop.serves("second").await
}

pub async fn a_deploy_that_cannot_become_healthy_says_so() -> Result<()> {
    let server = server().await?;
    let shop = Shop::open(&server).await?;
    shop.deploy("first", &[]).await?;

    let deaf = image_with(&[("PORT", "3000")])?;
    let said = shop.refused(&deaf, &["--wait-timeout", "25s"]).await?;
    assert_says(&said, &["timeout reached waiting for"]);
    let releases = server.json(&["releases", "--app", "shop"]).await?;
    assert_eq!((&releases[0]["version"], &releases[0]["status"]), (&2.into(), &"failed".into()));

    shop.deploy("better", &[]).await?;
    let crashing = testapp::crashing_image()?;
    shop.refused(&crashing, &["--wait-timeout", "30s"]).await?;
    let log = shop.fly.run("logs", &["--app", "shop", "--no-tail"]).await?;
    assert_says(&log, &["cannot start: the test said so"]);
    Ok(())
}
