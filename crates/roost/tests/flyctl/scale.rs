//! `fly scale`: how many machines, and how large.

use std::time::Duration;

use anyhow::Result;
use roost_testbed::wait_until;

use crate::{assert_says, shop::Shop, support::server};

pub async fn an_app_grows_and_shrinks() -> Result<()> {
    let server = server().await?;
    let shop = Shop::open(&server).await?;
    shop.deploy("first", &[]).await?;
    let (app, fly) = (&shop.app, &shop.fly);
    let first = shop.only_machine().await?;

    fly.run("scale count", &["2", "--app", "shop", "--yes"]).await?;
    // flyctl does not wait for the new machine.
    let machines = wait_until("both machines run", Duration::from_secs(60), async || {
        let machines = app.machines().await.ok()?;
        (machines.len() == 2 && machines.iter().all(|m| m["state"] == "started")).then_some(machines)
    })
    .await;
    assert!(machines.iter().any(|m| m["id"] == *first), "the first stays");

    fly.run("scale memory", &["512", "--app", "shop"]).await?;
    for machine in app.machines().await? {
        assert_eq!(machine["config"]["guest"]["memory_mb"], 512);
    }
    assert_says(
        &fly.run("scale show", &["--app", "shop"]).await?,
        &["app", "2", "shared", "512 MB", "local(2)"],
    );

    fly.run("scale vm", &["shared-cpu-2x", "--app", "shop"]).await?;
    for machine in app.machines().await? {
        assert_eq!(machine["config"]["guest"]["cpus"], 2);
        let arguments = server.vmm_arguments(machine["id"].as_str().unwrap_or_default());
        assert!(arguments.is_some_and(|a| a.windows(2).any(|pair| pair == ["-smp", "2"])));
    }

    fly.run("scale count", &["1", "--app", "shop", "--yes"]).await?;
    shop.only_machine().await?;
    shop.serves("first").await
}
