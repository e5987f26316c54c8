//! An app at its address on a private network: machines of the network wake and reach it, and nobody else does.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use roost_testbed::{App, Server, app::service_config, netns, testapp, wait_until};

use crate::support::server;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "current_thread")]
async fn an_app_on_a_private_network_sleeps_until_a_machine_there_asks() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let shop = App::create(&server, "shop").await?;
    shop.configure(&service_config("auto_stop_machines = \"stop\"\nforce_https = true"))?;
    let image = shop.push(&testapp::image("inner")?).await?;
    let said = server.run([shop.deploy_arguments(&image), vec!["--flycast".to_owned()]].concat()).await?;
    ensure!(said.contains("http://shop.flycast"), "{said}");
    let given = server.json(&["ips", "list", "--app", "shop"]).await?;
    ensure!(given.as_array().is_some_and(|given| given.len() == 1), "{given}");
    let address = given[0]["ip"].as_str().context("an address")?.to_owned();
    let client = Client::deploy(&server, "client", &[]).await?;
    let stranger = Client::deploy(&server, "stranger", &["--network", "theirs"]).await?;

    server.machine_in("shop", "stopped", PATIENCE).await;
    let answer = client.fetch("shop.flycast", "80").await?;
    ensure!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"version\":\"inner\""), "{answer}");
    ensure!(client.fetch(&address, "81").await?.contains("reset"), "there is no service");

    ensure!(
        stranger.fetch("shop.flycast", "80").await?.contains("no address"),
        "names of others are not told"
    );
    let refused = stranger.fetch(&address, "80").await?;
    ensure!(refused.contains("not connected"), "{refused}");
    ensure!(shop.get("/").await.is_err(), "it has no public address");

    server.kill();
    server.restart().await?;
    let answer = client.fetch("shop.flycast", "80").await?;
    ensure!(answer.contains("\"version\":\"inner\""), "after a restart: {answer}");
    server.hand_over().await;
    let answer = client.fetch("shop.flycast", "80").await?;
    ensure!(answer.contains("\"version\":\"inner\""), "after a handover: {answer}");

    server.run(["ips", "release", &address, "--app", "shop"]).await?;
    wait_until("the address is nobody's", PATIENCE, async || {
        let said = client.fetch(&address, "80").await.ok()?;
        said.contains("reset").then_some(())
    })
    .await;
    ensure!(client.fetch("shop.flycast", "80").await?.contains("no address"));
    Ok(())
}

/// An app whose one machine asks others.
struct Client<'a> {
    server: &'a Server,
    app: &'a str,
    machine: String,
}

impl<'a> Client<'a> {
    async fn deploy(server: &'a Server, name: &'a str, options: &[&str]) -> Result<Self> {
        server.run([&["apps", "create", name], options].concat()).await?;
        let app = App::of(server, name)?;
        app.deploy(&testapp::image("client")?).await?;
        let machines = app.machines().await?;
        let machine = machines[0]["id"].as_str().context("a machine")?.to_owned();
        Ok(Self { server, app: name, machine })
    }

    /// What a server says to this machine, or why it says nothing.
    async fn fetch(&self, host: &str, port: &str) -> Result<String> {
        let command =
            ["machine", "exec", "--app", self.app, &self.machine, "--", "/app", "fetch", host, port, "/"];
        let output = self.server.output(command).await?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
