//! A whole server with real VMs is killed, which live on.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use roost_testbed::{App, Moment, Relay, Server, testapp};
use serde_json::Value;

use crate::{
    answering_machine,
    fly::{Flyctl, said},
    ledger, machine,
    support::server,
};

/// Times that a person types the command again, with this pause: a server takes a while to start.
const ATTEMPTS: usize = 20;
const PAUSE: Duration = Duration::from_secs(1);

pub async fn a_command_survives_the_death_of_the_server() -> Result<()> {
    let server = server().await?;
    let app = App::create(&server, "web").await?;
    app.deploy(&testapp::image("one")?).await?;
    let relay = Relay::start(&server).await?;
    let fly = Flyctl::at(relay.address(), &Flyctl::token(&server)?)?;
    let id = answering_machine(&app).await?;
    let trial = Trial { server: &server, relay, fly, machine: &id };
    let only = async || -> Result<Value> {
        ensure!(app.machines().await?.len() == 1, "one machine, as before");
        machine(&app, &id).await
    };

    trial
        .visit(
            "machine stop",
            |_| words(&[&id, "--app", "web", "--wait-timeout", "60s"]),
            async |_| {
                ensure!(only().await?["state"] == "stopped");
                server.run(["machine", "start", &id, "--app", "web"]).await.map(drop)
            },
        )
        .await?;
    trial
        .visit(
            "machine update",
            |n| words(&[&id, "--app", "web", "--yes", "--env", &format!("N={n}")]),
            async |n| {
                ensure!(only().await?["config"]["env"]["N"] == n.to_string());
                ensure!(app.get("/env?N").await? == n.to_string());
                Ok(())
            },
        )
        .await?;
    trial
        .visit(
            "scale memory",
            |n| words(&[&(256 * (1 + n)).to_string(), "--app", "web"]),
            async |n| {
                ensure!(only().await?["config"]["guest"]["memory_mb"] == 256 * (1 + n));
                Ok(())
            },
        )
        .await
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

struct Trial<'a> {
    server: &'a Server,
    relay: Relay,
    fly: Flyctl,
    machine: &'a str,
}

impl Trial<'_> {
    /// The command with a server that dies at its first change, then another with one that dies at its
    /// second, and so on until it makes no further; each time `right` must hold in the end.
    async fn visit(
        &self,
        command: &str,
        arguments: impl Fn(usize) -> Vec<String>,
        right: impl AsyncFn(usize) -> Result<()>,
    ) -> Result<()> {
        for change in 1.. {
            self.relay.arm(change, Moment::BeforeItAnswers);
            let arguments = arguments(change);
            tokio::select! {
                done = self.insist(command, &arguments) => done?,
                broken = self.relay.guard(self.server, async || self.release().await) => broken?,
            }
            let changes = self.relay.changes();
            self.server.ready().await;
            right(change)
                .await
                .with_context(|| format!("{command}, killed in change {change} of {changes:?}"))?;
            if !self.relay.has_struck() {
                ensure!(change > 1, "{command} changes nothing: {changes:?}");
                return Ok(());
            }
        }
        Ok(())
    }

    /// The lease of a command that broke off would be in the way for two minutes.
    async fn release(&self) -> Result<()> {
        self.server.ready().await;
        self.fly.output("machine leases clear", &[self.machine, "--app", "web"]).await.map(drop)
    }

    /// Runs a command until it succeeds.
    async fn insist(&self, command: &str, args: &[String]) -> Result<()> {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut last = String::new();
        for _ in 0..ATTEMPTS {
            let output = self.fly.output(command, &args).await?;
            if output.status.success() {
                ledger::ran(command);
                return Ok(());
            }
            last = said(&output);
            tokio::time::sleep(PAUSE).await;
            self.release().await?;
        }
        ledger::failed(command);
        bail!("{command} never succeeds: {last}\n{:?}", self.relay.changes())
    }
}
