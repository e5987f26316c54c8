//! Deploys, and what leads to one: secrets, sizes, counts.

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use roost_model::MachineState;

use super::{Bench, words};

/// flyctl waits a fixed time to see whether a machine crashes, and looks for a name below fly.dev.
const QUICK: [&str; 4] = ["--ha=false", "--smoke-checks=false", "--dns-checks=false", "--yes"];

/// flyctl looks on for a while after most deploys: several at once share the changes, each with a server of
/// its own.
const LANES: usize = 6;

fn changes_of(lane: usize) -> impl Iterator<Item = usize> + Clone {
    (1..).skip(lane).step_by(LANES)
}

pub async fn deploys() -> Result<()> {
    let bench = Bench::open().await?;
    bench
        .visit(
            "deploy",
            &[],
            async |n| {
                bench.app(n).await?;
                deploy(&bench, n, n, &[])
            },
            async |n| deployed(&bench, n, n).await,
        )
        .await?;
    for strategy in ["rolling", "immediate"] {
        let app = |n: &str| format!("{n}-{strategy}");
        bench
            .visit(
                "deploy",
                &[],
                async |n| {
                    first(&bench, &app(n)).await?;
                    deploy(&bench, &app(n), n, &["--strategy", strategy])
                },
                async |n| deployed(&bench, &app(n), n).await,
            )
            .await?;
    }
    Ok(())
}

/// flyctl takes the canary of an earlier try for a machine of the app like others, until a person says how
/// many there are to be.
pub async fn canary() -> Result<()> {
    in_lanes("canary", async |bench, n| {
        if bench.machines(n).len() > 1 {
            bench.fly.run("scale count", &["1", "--app", n, "--yes"]).await?;
        }
        deployed(bench, n, n).await
    })
    .await
}

pub async fn bluegreen() -> Result<()> {
    in_lanes("bluegreen", async |bench, n| deployed(bench, n, n).await).await
}

async fn in_lanes(strategy: &str, right: impl AsyncFn(&Bench, &str) -> Result<()>) -> Result<()> {
    try_join_all((0..LANES).map(|lane| one_lane(strategy, changes_of(lane), &right))).await.map(drop)
}

async fn one_lane(
    strategy: &str,
    changes: impl IntoIterator<Item = usize>,
    right: impl AsyncFn(&Bench, &str) -> Result<()>,
) -> Result<()> {
    let bench = Bench::open().await?;
    let set = async |n: &str| -> Result<Vec<String>> {
        first(&bench, n).await?;
        deploy(&bench, n, n, &["--strategy", strategy])
    };
    bench.visit_some("deploy", changes, &[], set, async |n| right(&bench, n).await).await
}

pub async fn secrets() -> Result<()> {
    try_join_all((0..LANES).map(|lane| secrets_of(changes_of(lane)))).await.map(drop)
}

async fn secrets_of(changes: impl Iterator<Item = usize> + Clone) -> Result<()> {
    let bench = Bench::open().await?.typing("TYPED=in\n");
    let has = async |app: &str, name: &str| -> Result<Option<String>> {
        let machine = bench.only_machine(app)?;
        bench.in_state(&machine.id, MachineState::Started).await;
        Ok(bench.host.secrets(&machine.id).get(name).cloned())
    };
    let app = |n: &str| format!("{n}-set");
    bench
        .visit_some(
            "secrets set",
            changes.clone(),
            &[],
            async |n| {
                first(&bench, &app(n)).await?;
                Ok(words(&["WORD=open-sesame", "--app", &app(n), "--detach"]))
            },
            async |n| {
                ensure!(has(&app(n), "WORD").await?.as_deref() == Some("open-sesame"));
                Ok(())
            },
        )
        .await?;
    let app = |n: &str| format!("{n}-import");
    bench
        .visit_some(
            "secrets import",
            changes.clone(),
            &[],
            async |n| {
                first(&bench, &app(n)).await?;
                Ok(words(&["--app", &app(n), "--detach"]))
            },
            async |n| {
                ensure!(has(&app(n), "TYPED").await?.as_deref() == Some("in"));
                Ok(())
            },
        )
        .await?;
    let app = |n: &str| format!("{n}-sync");
    bench
        .visit_some(
            "secrets sync",
            changes.clone(),
            &[],
            async |n| {
                first(&bench, &app(n)).await?;
                Ok(words(&["--app", &app(n)]))
            },
            async |n| deployed(&bench, &app(n), "first").await,
        )
        .await?;
    let app = |n: &str| format!("{n}-staged");
    bench
        .visit_some(
            "secrets deploy",
            changes.clone(),
            &[],
            async |n| {
                first(&bench, &app(n)).await?;
                bench.fly.run("secrets set", &["WORD=staged", "--app", &app(n), "--stage"]).await?;
                Ok(words(&["--app", &app(n), "--detach"]))
            },
            async |n| {
                ensure!(has(&app(n), "WORD").await?.as_deref() == Some("staged"));
                Ok(())
            },
        )
        .await?;
    let app = |n: &str| format!("{n}-unset");
    bench
        .visit_some(
            "secrets unset",
            changes.clone(),
            &[],
            async |n| {
                first(&bench, &app(n)).await?;
                bench.fly.run("secrets set", &["WORD=old", "--app", &app(n), "--stage"]).await?;
                Ok(words(&["WORD", "--app", &app(n), "--detach"]))
            },
            async |n| {
                ensure!(has(&app(n), "WORD").await?.is_none());
                Ok(())
            },
        )
        .await
}

pub async fn scales() -> Result<()> {
    let bench = Bench::open().await?;
    for (count, before, suffix) in [("2", "1", "grows"), ("1", "2", "shrinks")] {
        let app = |n: &str| format!("{n}-{suffix}");
        bench
            .visit(
                "scale count",
                &[],
                async |n| {
                    first(&bench, &app(n)).await?;
                    if before == "2" {
                        bench.fly.run("scale count", &[before, "--app", &app(n), "--yes"]).await?;
                    }
                    Ok(words(&[count, "--app", &app(n), "--yes"]))
                },
                async |n| {
                    let there = bench.machines(&app(n)).len();
                    ensure!(there.to_string() == count, "{there} machines");
                    Ok(())
                },
            )
            .await?;
    }
    for (command, argument) in [("scale memory", "512"), ("scale vm", "shared-cpu-2x")] {
        let app = |n: &str| format!("{n}-{}", command.replace(' ', "-"));
        bench
            .visit(
                command,
                &[],
                async |n| {
                    first(&bench, &app(n)).await?;
                    Ok(words(&[argument, "--app", &app(n)]))
                },
                async |n| {
                    let machine = bench.only_machine(&app(n))?;
                    let guest = machine.config.guest()?;
                    ensure!(guest.memory_mb == 512 || argument != "512", "{guest:?}");
                    ensure!(guest.cpus == 2 || argument == "512", "{guest:?}");
                    bench.in_state(&machine.id, MachineState::Started).await;
                    Ok(())
                },
            )
            .await?;
    }
    Ok(())
}

/// An app, deployed once by an api that lives.
async fn first(bench: &Bench, app: &str) -> Result<()> {
    bench.app(app).await?;
    let arguments = deploy(bench, app, "first", &[])?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    bench.fly.run("deploy", &arguments).await?;
    deployed(bench, app, "first").await
}

/// The arguments that deploy this version.
fn deploy(bench: &Bench, app: &str, version: &str, options: &[&str]) -> Result<Vec<String>> {
    let file = bench.fly_toml(&app.parse()?, "")?;
    let version = format!("STAGE={version}");
    let what = ["--image", &bench.image, "--config", &file, "--env", &version];
    Ok(words(&[&what[..], &QUICK, options].concat()))
}

/// One machine runs the version, and the newest release is the current one.
async fn deployed(bench: &Bench, app: &str, version: &str) -> Result<()> {
    let machine = bench.only_machine(app)?;
    bench.in_state(&machine.id, MachineState::Started).await;
    let stage = machine.config.env.get("STAGE");
    ensure!(stage.is_some_and(|stage| stage == version), "{version} was deployed: {stage:?}");
    ensure!(!machine.cordoned, "the machine is cordoned");
    let releases = bench.server.json(&["releases", "--app", app]).await?;
    let newest = releases.as_array().and_then(|all| all.first()).context("a release")?;
    ensure!(newest["current"] == true && newest["status"] == "succeeded", "{releases:#}");
    Ok(())
}
