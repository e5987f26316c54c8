//! An api that dies, a host that does not, and a person with flyctl between them.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use roost_fake_host::FakeHost;
use roost_host_api::Machine;
use roost_model::{AppName, MachineId, MachineState};
use roost_testbed::{App, Moment, Relay, Server, ServerOptions, testapp, wait_until};
use serde_json::{Value, json};

use crate::{
    fly::{Flyctl, said},
    ledger,
    support::ROOST,
};

/// Times that a person types the command again.
const ATTEMPTS: usize = 8;

/// For what a host does by itself: milliseconds, but on a busy box.
const SOON: Duration = Duration::from_secs(30);

pub struct Bench {
    pub host: FakeHost,
    pub server: Server,
    /// Reaches the server as it is.
    pub fly: Flyctl,
    /// Reaches it through the relay.
    victim: Flyctl,
    relay: Relay,
    /// An image in the platform's registry.
    pub image: String,
}

impl Bench {
    /// A server that plays the api alone, and its host.
    pub async fn open() -> Result<Self> {
        static NEXT_PORT: AtomicU16 = AtomicU16::new(4300);
        let api = SocketAddr::from(([127, 0, 0, 1], NEXT_PORT.fetch_add(1, Ordering::SeqCst)));
        // Addresses for documentation: nothing of theirs is reached.
        let config =
            "roles = [\"api\"]\nedge.public_addresses = [\"192.0.2.7\", \"2001:db8::7\"]\n".to_owned();
        let server = Server::begin(ROOST.as_ref(), ServerOptions { api, config, ..Default::default() })?;
        let sockets = server.data_dir().join("run");
        wait_until("the folder of sockets", SOON, async || sockets.exists().then_some(())).await;
        let host = FakeHost::start_at(&sockets.join("host.sock")).await;
        server.ready().await;

        let images = App::create(&server, "images").await?;
        let image = images.push(&testapp::image("one")?).await?;
        let relay = Relay::start(&server).await?;
        let token = Flyctl::token(&server)?;
        let (fly, victim) = (Flyctl::at(api, &token)?, Flyctl::at(relay.address(), &token)?);
        Ok(Self { host, server, fly, victim, relay, image })
    }

    /// With this text on the stdin of every command that is visited.
    pub fn typing(mut self, input: &str) -> Self {
        self.victim = self.victim.typing(input);
        self
    }

    /// Runs the command, with a server that dies in its first change, then in its second, and so on until it
    /// makes no further. `set` makes what the command needs, for a name that is new each time, and gives its
    /// arguments; `right` must hold in the end. A repetition may be told what `enough` says: that all is done.
    pub async fn visit(
        &self,
        command: &'static str,
        enough: &[&str],
        set: impl AsyncFn(&str) -> Result<Vec<String>>,
        right: impl AsyncFn(&str) -> Result<()>,
    ) -> Result<()> {
        self.visit_some(command, 1.., enough, set, right).await
    }

    /// As `visit`, for these of the changes: the first of them that the command does not make is the end.
    pub async fn visit_some(
        &self,
        command: &'static str,
        changes: impl IntoIterator<Item = usize>,
        enough: &[&str],
        set: impl AsyncFn(&str) -> Result<Vec<String>>,
        right: impl AsyncFn(&str) -> Result<()>,
    ) -> Result<()> {
        for change in changes {
            for (moment, letter) in [(Moment::BeforeItActs, 'b'), (Moment::BeforeItAnswers, 'a')] {
                let name = format!("n{change}{letter}");
                let told = self.die_once(command, change, moment, enough, &name, &set, &right).await;
                let struck = told.inspect_err(|_| ledger::failed(command)).with_context(|| {
                    let changes = self.relay.changes();
                    format!("{command} for {name}: killed {moment:?} in change {change} of {changes:#?}")
                })?;
                if !struck {
                    ensure!(change > 1, "{command} changes nothing");
                    ledger::interrupted(command, self.relay.changes().len());
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Whether the server died.
    #[allow(clippy::too_many_arguments, reason = "all of them are of one visit")]
    async fn die_once(
        &self,
        command: &'static str,
        change: usize,
        moment: Moment,
        enough: &[&str],
        name: &str,
        set: impl AsyncFn(&str) -> Result<Vec<String>>,
        right: impl AsyncFn(&str) -> Result<()>,
    ) -> Result<bool> {
        let arguments = set(name).await.context("setting the stage")?;
        self.relay.arm(change, moment);
        tokio::select! {
            done = self.insist(command, &arguments, enough) => done?,
            broken = self.relay.guard(&self.server, async || self.clear_lost_lease(change).await) => broken?,
        }
        self.server.ready().await;
        self.clear_leases().await?;
        right(name).await?;
        Ok(self.relay.has_struck())
    }

    /// Runs the command until it succeeds, or says that there is nothing left to do.
    async fn insist(&self, command: &'static str, arguments: &[String], enough: &[&str]) -> Result<()> {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut last = String::new();
        for attempt in 1..=ATTEMPTS {
            let output = self.victim.output(command, &arguments).await?;
            last = said(&output);
            let is_repetition = attempt > 1 && self.relay.has_struck();
            if output.status.success() || is_repetition && enough.iter().any(|text| last.contains(text)) {
                ledger::ran(command);
                return Ok(());
            }
            ensure!(self.relay.has_struck(), "it fails by itself: {last}");
            self.server.ready().await;
            self.clear_leases().await?;
        }
        bail!("it never succeeds: {last}")
    }

    /// Whoever took a lease and was not told its nonce cannot go on, and nobody else for two minutes: a
    /// person clears it, while flyctl still tries.
    async fn clear_lost_lease(&self, change: usize) -> Result<()> {
        let calls = self.relay.changes();
        let lost = calls.get(change - 1).and_then(|call| call.strip_prefix("POST ")?.strip_suffix("/lease"));
        match lost.and_then(|path| path.rsplit('/').next()?.parse().ok()) {
            Some(id) => self.clear_lease(&id).await,
            None => Ok(()),
        }
    }

    async fn clear_leases(&self) -> Result<()> {
        for id in self.host.leased() {
            self.clear_lease(&id).await?;
        }
        Ok(())
    }

    async fn clear_lease(&self, id: &MachineId) -> Result<()> {
        let Some(machine) = self.host.machine(id) else { return Ok(()) };
        let arguments = [id.as_str(), "--app", machine.app.as_str()];
        self.fly.output("machine leases clear", &arguments).await.map(drop)
    }

    pub async fn app(&self, name: &str) -> Result<()> {
        let body = json!({ "name": name, "org_slug": "personal" });
        self.server.post("/v1/apps", &body).await.map(drop)
    }

    /// A machine as `fly launch` makes it, which runs when this returns.
    pub async fn machine(&self, app: &str, name: &str) -> Result<MachineId> {
        let metadata = json!({ "fly_platform_version": "v2", "fly_process_group": "app" });
        let services = json!([{ "internal_port": 8080, "protocol": "tcp" }]);
        let config = json!({ "image": self.image, "metadata": metadata, "services": services });
        let body = json!({ "name": name, "region": "dev", "config": config });
        let made = self.server.post(&format!("/v1/apps/{app}/machines"), &body).await?;
        let made: Value = serde_json::from_str(&made)?;
        let id: MachineId = made["id"].as_str().unwrap_or_default().parse()?;
        self.in_state(&id, MachineState::Started).await;
        Ok(id)
    }

    /// An app with one machine; gives its id.
    pub async fn app_with_machine(&self, app: &str) -> Result<MachineId> {
        self.app(app).await?;
        self.machine(app, "first").await
    }

    pub async fn in_state(&self, id: &MachineId, state: MachineState) {
        wait_until(&format!("machine {id} to be {state}"), SOON, async || {
            (self.host.machine(id)?.state == state).then_some(())
        })
        .await;
    }

    pub fn machines(&self, app: &str) -> Vec<Machine> {
        self.host.machines().into_iter().filter(|machine| machine.app.as_str() == app).collect()
    }

    /// The app's machine, of which there must be one.
    pub fn only_machine(&self, app: &str) -> Result<Machine> {
        let mut machines = self.machines(app);
        let names: Vec<_> = machines.iter().map(|m| (m.name.clone(), m.state)).collect();
        ensure!(machines.len() == 1, "{app} is to have one machine: {names:?}");
        Ok(machines.remove(0))
    }

    /// Apps of this name.
    pub async fn apps_called(&self, name: &str) -> Result<usize> {
        let apps = self.server.json(&["apps", "list"]).await?;
        Ok(apps.as_array().into_iter().flatten().filter(|app| app["name"] == name).count())
    }

    /// Writes a fly.toml with one service, its check, and further sections; gives its path.
    pub fn fly_toml(&self, app: &AppName, sections: &str) -> Result<String> {
        let service = roost_testbed::app::service_config("");
        let text = format!("app = \"{app}\"\nprimary_region = \"dev\"\n{service}{sections}");
        let path: PathBuf = self.fly.folder().join(format!("{app}.toml"));
        std::fs::write(&path, text)?;
        Ok(path.display().to_string())
    }
}

pub fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
