//! Apps and organizations come and go.

use anyhow::{Result, ensure};
use serde_json::Value;

use super::{Bench, words};

/// What flyctl says of an app that is gone.
const GONE: &str = "Could not find App";

pub async fn apps() -> Result<()> {
    let bench = Bench::open().await?;
    bench
        .visit(
            "apps create",
            // The name is taken: by the app that the first try made.
            &["already been taken"],
            async |app| Ok(words(&[app, "--org", "personal"])),
            async |app| {
                ensure!(bench.apps_called(app).await? == 1);
                Ok(())
            },
        )
        .await?;

    bench
        .visit(
            "apps destroy",
            &[GONE],
            async |n| {
                let app = format!("{n}-gone");
                bench.app_with_machine(&app).await?;
                Ok(words(&[&app, "--yes"]))
            },
            async |n| {
                let app = format!("{n}-gone");
                ensure!(bench.apps_called(&app).await? == 0 && bench.machines(&app).is_empty());
                Ok(())
            },
        )
        .await?;

    bench
        .visit(
            "apps restart",
            &[],
            async |n| {
                let app = format!("{n}-again");
                bench.app_with_machine(&app).await?;
                Ok(words(&[&app]))
            },
            async |n| {
                let machine = bench.only_machine(&format!("{n}-again"))?;
                bench.in_state(&machine.id, roost_model::MachineState::Started).await;
                let restart = format!("restart {}", machine.id);
                ensure!(bench.host.calls().contains(&restart), "{:?}", bench.host.calls());
                Ok(())
            },
        )
        .await
}

pub async fn launches() -> Result<()> {
    let bench = Bench::open().await?;
    let launch = |app: &str| {
        // Each launch writes a fly.toml of its own.
        let folder = bench.fly.folder().join(app);
        std::fs::create_dir_all(&folder)?;
        let folder = folder.display().to_string();
        let options = ["--org", "personal", "--region", "dev", "--ha=false", "--yes", "--force-name"];
        let image = ["--path", &folder, "--name", app, "--image", &bench.image];
        Ok::<_, anyhow::Error>(words(&[&image[..], &options].concat()))
    };
    bench
        .visit(
            "launch",
            &["already been taken"],
            async |n| Ok([launch(n)?, words(&["--no-deploy"])].concat()),
            async |n| {
                ensure!(bench.apps_called(n).await? == 1);
                Ok(())
            },
        )
        .await
}

pub async fn organizations() -> Result<()> {
    const ANN: &str = "ann@example.com";
    let bench = Bench::open().await?;
    bench.server.run(["orgs", "invite", "personal", ANN]).await?;
    let orgs_called = async |slug: &str| -> Result<usize> {
        let orgs = bench.server.json(&["orgs", "list"]).await?;
        Ok(orgs.as_array().into_iter().flatten().filter(|org| org["slug"] == slug).count())
    };
    let members = async |slug: &str| -> Result<usize> {
        let org = bench.server.json(&["orgs", "show", slug]).await?;
        let members = org["members"].as_array().into_iter().flatten();
        Ok(members.filter(|member: &&Value| member["email"] == ANN).count())
    };
    let made = async |slug: &str| bench.server.run(["orgs", "create", slug]).await.map(drop);

    bench
        .visit(
            "orgs create",
            &["already been taken"],
            async |n| Ok(words(&[n])),
            async |n| {
                ensure!(orgs_called(n).await? == 1);
                Ok(())
            },
        )
        .await?;
    let invited = |n: &str| format!("{n}-invited");
    bench
        .visit(
            "orgs invite",
            &[],
            async |n| {
                made(&invited(n)).await?;
                Ok(words(&[&invited(n), ANN]))
            },
            async |n| {
                ensure!(members(&invited(n)).await? == 1);
                Ok(())
            },
        )
        .await?;
    let left = |n: &str| format!("{n}-left");
    bench
        .visit(
            "orgs remove",
            &["user not found"],
            async |n| {
                made(&left(n)).await?;
                bench.server.run(["orgs", "invite", &left(n), ANN]).await?;
                Ok(words(&[&left(n), ANN]))
            },
            async |n| {
                ensure!(members(&left(n)).await? == 0);
                Ok(())
            },
        )
        .await?;
    let deleted = |n: &str| format!("{n}-deleted");
    bench
        .visit(
            "orgs delete",
            &["no organization", "not found", "Could not find"],
            async |n| {
                made(&deleted(n)).await?;
                Ok(words(&[&deleted(n), "--yes"]))
            },
            async |n| {
                ensure!(orgs_called(&deleted(n)).await? == 0);
                Ok(())
            },
        )
        .await
}
