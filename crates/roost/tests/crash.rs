//! `kill -9` at every recorded step of create, deploy, stop, suspend and destroy, with real VMs: nothing
//! that was acknowledged is lost, nothing is left over, and a machine that runs never stops answering.
//!
//! Not here: the steps of volumes, which the host's own tests visit, every one.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    net::SocketAddr,
    os::unix::process::ExitStatusExt,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::Result;
use roost_api::CrashPoint;
use roost_host::{CRASH_VARIABLE, Step};
use roost_testbed::{App, Server, load, netns, testapp, wait_until};
use tokio::task::{LocalSet, spawn_local};

mod support;
use support::server;

/// What is done to an app while the server dies at one of its steps.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Life {
    /// Made, deployed, destroyed.
    Deployed,
    /// Stopped and started.
    Slept,
    /// Suspended and resumed.
    Suspended,
    /// Its machine cordoned and stopped by somebody, and brought back by the next change of scale.
    BroughtBack,
    /// Its machine updated in place.
    Updated,
    /// Deployed again: a replacement, then the old machine's end.
    Replaced,
    /// Deployed again with what cannot run, and returned to what did.
    Returned,
}

/// Every step of hosts and deploys, with a life in which it is recorded.
fn points() -> Vec<(String, Life)> {
    let host = Step::ALL.iter().filter(|step| !step.is_of_volumes()).map(|step| {
        let life = match step {
            Step::Replace => Life::Updated,
            Step::Suspend
            | Step::PauseGuest
            | Step::SaveMemory
            | Step::Suspended
            | Step::Resume
            | Step::RestoreMemory
            | Step::ResumeGuest
            | Step::DropMemory => Life::Suspended,
            Step::Start
            | Step::Stop
            | Step::StopGuest
            | Step::RecordExit
            | Step::ReleaseVmm
            | Step::DetachNetwork => Life::Slept,
            Step::RemoveScratch | Step::Stopped => Life::Slept,
            Step::Destroy | Step::Destroyed => Life::Replaced,
            _ => Life::Deployed,
        };
        (step.to_string(), life)
    });
    let deploy = CrashPoint::ALL.iter().map(ToString::to_string).map(|point| {
        let life = match point.as_str() {
            "deploy-start-machine" => Life::BroughtBack,
            "deploy-cordon" | "deploy-drain" | "deploy-destroy-machine" => Life::Replaced,
            "deploy-update-machine" => Life::Updated,
            "deploy-returning" => Life::Returned,
            _ => Life::Deployed,
        };
        (point, life)
    });
    host.chain(deploy).collect()
}

#[tokio::test(flavor = "current_thread")]
async fn a_server_may_die_at_any_step() -> Result<()> {
    netns::enter()?;
    LocalSet::new().run_until(visit_every_step()).await
}

async fn visit_every_step() -> Result<()> {
    let server = server().await?;
    let still = App::create(&server, "still").await?;
    still.deploy(&testapp::image("still")?).await?;
    let machine = still.machines().await?[0]["id"].as_str().unwrap().to_owned();
    let watched = Watched::start((server.machine_ipv4(&machine).await?, 8080).into());
    let standing = App::create(&server, "standing").await?;
    standing.deploy(&testapp::image("first")?).await?;
    let worker = App::create(&server, "worker").await?;
    worker.configure("[processes]\nworker = \"\"\n")?;
    let image = worker.push(&testapp::image("worker")?).await?;
    server.run(worker.deploy_arguments(&image)).await?;

    for (number, (point, life)) in points().into_iter().enumerate() {
        let began = Instant::now();
        server.terminate().await;
        server.launch(&[(CRASH_VARIABLE, &point)])?;
        server.ready().await;
        let trial = Trial { server: &server, crashed: RefCell::default(), point: &point };
        let app = if life == Life::Updated { &worker } else { &standing };
        trial.live(life, app, number).await?;
        assert!(*trial.crashed.borrow(), "{point} is never reached in {life:?}");
        assert!(watched.failures().is_empty(), "after {point}: {:?}", watched.failures());
        eprintln!("{point}: {life:?}, {:.1} s", began.elapsed().as_secs_f64());
    }

    for app in ["still", "standing", "worker"] {
        server.run(["apps", "destroy", app, "--yes"]).await?;
    }
    wait_until("nothing is left of the machines", Duration::from_secs(30), async || {
        server.leftovers().is_empty().then_some(())
    })
    .await;
    Ok(())
}

/// One point.
struct Trial<'a> {
    server: &'a Server,
    crashed: RefCell<bool>,
    point: &'a str,
}

impl Trial<'_> {
    async fn live(&self, life: Life, app: &App<'_>, number: usize) -> Result<()> {
        let version = format!("after-{number}");
        match life {
            Life::Deployed => self.deployed(&format!("fresh-{number}")).await,
            Life::Slept => {
                let id = self.only_machine(app).await;
                let name = app.name();
                self.insist(&["machine", "stop", &id, "--app", name]).await;
                self.server.machine_in(name, "stopped", Duration::from_secs(30)).await;
                self.insist(&["machine", "start", &id, "--app", name]).await;
                self.answers(app, "").await;
                Ok(())
            }
            Life::Suspended => {
                let id = self.only_machine(app).await;
                let name = app.name();
                self.insist(&["machine", "suspend", &id, "--app", name]).await;
                // A host that dies while memory is written may find that it has to stop the machine instead.
                wait_until("the machine is asleep", Duration::from_secs(60), async || {
                    self.revive().await;
                    let machines = app.machines().await.ok()?;
                    ["suspended", "stopped"].iter().any(|state| machines[0]["state"] == *state).then_some(())
                })
                .await;
                self.insist(&["machine", "start", &id, "--app", name]).await;
                self.answers(app, "").await;
                Ok(())
            }
            Life::BroughtBack => {
                let id = self.only_machine(app).await;
                let name = app.name();
                self.insist(&["machine", "stop", &id, "--app", name]).await;
                self.server.machine_in(name, "stopped", Duration::from_secs(30)).await;
                let cordon = format!("/v1/apps/{name}/machines/{id}/cordon");
                self.server.post(&cordon, &serde_json::json!({})).await?;
                self.insist(&["scale", "count", "1", "--app", name]).await;
                self.answers(app, "").await;
                Ok(())
            }
            Life::Updated => {
                let image = app.push(&testapp::image(&version)?).await?;
                self.insist(&app.deploy_arguments(&image)).await;
                self.settled(app, &image).await;
                Ok(())
            }
            Life::Replaced => {
                let image = app.push(&testapp::image(&version)?).await?;
                self.insist(&app.deploy_arguments(&image)).await;
                self.settled(app, &image).await;
                self.answers(app, &version).await;
                Ok(())
            }
            Life::Returned => {
                let before = self.only_machine(app).await;
                let crashing = testapp::crashing_image()?;
                let image = app.push(&crashing).await?;
                tokio::select! {
                    refused = self.server.output(app.deploy_arguments(&image)) => {
                        assert!(!refused?.status.success(), "a crashing release is not a success");
                    }
                    () = self.guard() => {}
                }
                wait_until("the old machine alone", Duration::from_secs(60), async || {
                    let machines = app.machines().await.ok()?;
                    (machines.len() == 1 && machines[0]["id"] == before).then_some(())
                })
                .await;
                self.answers(app, "").await;
                Ok(())
            }
        }
    }

    /// An app from its creation to its end; nothing of it may stay.
    async fn deployed(&self, name: &str) -> Result<()> {
        let before: BTreeSet<String> = self.server.leftovers().into_iter().collect();
        let app = App::create(self.server, name).await?;
        let image = app.push(&testapp::image(name)?).await?;
        app.configure(&roost_testbed::app::service_config(""))?;
        self.insist(&app.deploy_arguments(&image)).await;
        let listed = self.server.run(["apps", "list"]).await?;
        assert!(listed.contains(name), "{}: an acknowledged app is lost", self.point);
        self.settled(&app, &image).await;
        self.answers(&app, name).await;
        self.insist(&["apps", "destroy", name, "--yes"]).await;
        wait_until("nothing of the app is left", Duration::from_secs(30), async || {
            let left: Vec<String> =
                self.server.leftovers().into_iter().filter(|what| !before.contains(what)).collect();
            left.is_empty().then_some(())
        })
        .await;
        Ok(())
    }

    /// Runs a command until it succeeds. A server that dies meanwhile is started again at once, and
    /// the command may well bridge that.
    async fn insist(&self, args: &[impl AsRef<std::ffi::OsStr>]) {
        let mut said = String::new();
        // A deploy that goes on after the death is in the way of the next one until it has ended.
        let deadline = Instant::now() + Duration::from_secs(90);
        while Instant::now() < deadline {
            let output = tokio::select! {
                output = self.server.output(args) => output.expect("run roost"),
                () = self.guard() => unreachable!("the guard never ends"),
            };
            self.revive().await;
            if output.status.success() {
                return;
            }
            said = String::from_utf8_lossy(&output.stderr).into_owned();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let args: Vec<_> = args.iter().map(|a| a.as_ref().to_owned()).collect();
        panic!("{}: {args:?} never succeeds: {said}\n{}", self.point, self.server.log());
    }

    /// Revives the server whenever it dies.
    async fn guard(&self) {
        loop {
            self.revive().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Starts the server again if it died of the crash point.
    async fn revive(&self) {
        if let Some(status) = self.server.exit_status() {
            assert_eq!(
                status.signal(),
                Some(nix::sys::signal::Signal::SIGABRT as i32),
                "{}: {}",
                self.point,
                self.server.log()
            );
            self.crashed.replace(true);
            self.server.restart().await.expect("start the server again");
        }
    }

    /// Waits until the app has one machine, of this image, started.
    async fn settled(&self, app: &App<'_>, image: &str) {
        wait_until(
            &format!("{}: one machine of the new image", self.point),
            Duration::from_secs(60),
            async || {
                self.revive().await;
                let machines = app.machines().await.ok()?;
                let fine = |m: &serde_json::Value| m["state"] == "started" && m["config"]["image"] == image;
                (machines.len() == 1 && fine(&machines[0])).then_some(())
            },
        )
        .await;
    }

    async fn answers(&self, app: &App<'_>, version: &str) {
        wait_until(&format!("{}: an answer", self.point), Duration::from_secs(60), async || {
            self.revive().await;
            app.get("/").await.ok()?.contains(version).then_some(())
        })
        .await;
    }

    async fn only_machine(&self, app: &App<'_>) -> String {
        let machines = app.machines().await.expect("list the machines");
        assert_eq!(machines.len(), 1, "{}: {machines:#?}", self.point);
        machines[0]["id"].as_str().unwrap().to_owned()
    }
}

/// A machine that is asked at its own address all the time, whoever dies.
struct Watched {
    failures: Rc<RefCell<Vec<String>>>,
}

impl Watched {
    fn start(address: SocketAddr) -> Self {
        let failures = Rc::new(RefCell::new(Vec::new()));
        let seen = failures.clone();
        spawn_local(async move {
            loop {
                if let Err(error) = load::get(address, "machine", "/").await {
                    seen.borrow_mut().push(format!("{error:#}"));
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Self { failures }
    }

    fn failures(&self) -> Vec<String> {
        self.failures.borrow().clone()
    }
}
