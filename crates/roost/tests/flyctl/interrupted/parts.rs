//! What apps have beside machines: volumes, addresses, certificates, tokens.

use anyhow::{Context, Result, ensure};
use roost_host_api::Volume;
use serde_json::{Value, json};

use super::{Bench, words};

pub async fn volumes() -> Result<()> {
    let bench = Bench::open().await?;
    let of = |app: &str| -> Vec<Volume> {
        bench.host.volumes().into_iter().filter(|volume| volume.app.as_str() == app).collect()
    };
    let made = async |app: &str| -> Result<String> {
        bench.app(app).await?;
        let body = json!({ "name": "data", "region": "dev", "size_gb": 1 });
        let made: Value =
            serde_json::from_str(&bench.server.post(&format!("/v1/apps/{app}/volumes"), &body).await?)?;
        Ok(made["id"].as_str().context("the volume's id")?.to_owned())
    };
    // Volumes of one name are a set: nothing tells a repetition from a wish for another one.
    let at_most_twice = |n: &str, count: usize| -> Result<()> {
        let most = if n.ends_with('a') { 2 } else { 1 };
        ensure!((1..=most).contains(&count), "{count} for {n}");
        Ok(())
    };

    let app = |n: &str| format!("{n}-made");
    bench
        .visit(
            "volumes create",
            &[],
            async |n| {
                bench.app(&app(n)).await?;
                Ok(words(&["data", "--app", &app(n), "--region", "dev", "--size", "1", "--yes"]))
            },
            async |n| at_most_twice(n, of(&app(n)).len()),
        )
        .await?;
    let app = |n: &str| format!("{n}-forked");
    bench
        .visit(
            "volumes fork",
            &[],
            async |n| Ok(words(&[&made(&app(n)).await?, "--app", &app(n)])),
            async |n| at_most_twice(n, of(&app(n)).len() - 1),
        )
        .await?;
    let app = |n: &str| format!("{n}-larger");
    bench
        .visit(
            "volumes extend",
            &[],
            async |n| Ok(words(&[&made(&app(n)).await?, "--app", &app(n), "--size", "3", "--yes"])),
            async |n| {
                let sizes: Vec<u32> = of(&app(n)).iter().map(|volume| volume.size_gb).collect();
                ensure!(sizes == [3], "{sizes:?}");
                Ok(())
            },
        )
        .await?;
    let app = |n: &str| format!("{n}-kept");
    bench
        .visit(
            "volumes update",
            &[],
            async |n| Ok(words(&[&made(&app(n)).await?, "--app", &app(n), "--snapshot-retention", "9"])),
            async |n| {
                ensure!(of(&app(n))[0].snapshot_retention_days == 9);
                Ok(())
            },
        )
        .await?;
    let app = |n: &str| format!("{n}-snapped");
    bench
        .visit(
            "volumes snapshots create",
            &[],
            async |n| Ok(words(&[&made(&app(n)).await?, "--app", &app(n)])),
            async |n| {
                let snapshots = bench.host.snapshots();
                at_most_twice(n, snapshots.iter().filter(|s| s.app.as_str() == app(n)).count())
            },
        )
        .await?;
    let app = |n: &str| format!("{n}-gone");
    bench
        .visit(
            "volumes destroy",
            &["not found", "destroyed"],
            async |n| Ok(words(&[&made(&app(n)).await?, "--app", &app(n), "--yes"])),
            async |n| {
                ensure!(of(&app(n)).is_empty());
                Ok(())
            },
        )
        .await
}

pub async fn addresses_and_certificates() -> Result<()> {
    let bench = Bench::open().await?;
    let listed = async |app: &str| -> Result<Vec<Value>> {
        let listed = bench.fly.json("ips list", &["--app", app]).await?;
        Ok(listed.as_array().cloned().unwrap_or_default())
    };
    for (command, option, suffix) in [
        ("ips allocate-v6", None, "six"),
        ("ips allocate-v4", Some("--shared"), "four"),
        ("ips allocate-v6", Some("--private"), "own"),
    ] {
        let app = |n: &str| format!("{n}-{suffix}");
        bench
            .visit(
                command,
                &[],
                async |n| {
                    bench.app(&app(n)).await?;
                    let options: Vec<&str> = option.into_iter().chain(["--app"]).collect();
                    Ok([words(&options), words(&[&app(n)])].concat())
                },
                async |n| {
                    ensure!(listed(&app(n)).await?.len() == 1);
                    Ok(())
                },
            )
            .await?;
    }
    let app = |n: &str| format!("{n}-back");
    bench
        .visit(
            "ips release",
            &["no address", "not found"],
            async |n| {
                bench.app(&app(n)).await?;
                bench.fly.run("ips allocate-v6", &["--app", &app(n)]).await?;
                Ok(words(&["2001:db8::7", "--app", &app(n)]))
            },
            async |n| {
                ensure!(listed(&app(n)).await?.is_empty());
                Ok(())
            },
        )
        .await?;

    let certificates = async |app: &str| -> Result<usize> {
        let listed = bench.fly.json("certs list", &["--app", app]).await?;
        Ok(listed.as_array().map_or(0, Vec::len))
    };
    let (app, host) = (|n: &str| format!("{n}-cert"), |n: &str| format!("{n}.example.test"));
    bench
        .visit(
            "certs add",
            &[],
            async |n| {
                bench.app(&app(n)).await?;
                Ok(words(&[&host(n), "--app", &app(n)]))
            },
            async |n| {
                ensure!(certificates(&app(n)).await? == 1);
                Ok(())
            },
        )
        .await?;
    let (app, host) = (|n: &str| format!("{n}-none"), |n: &str| format!("{n}.example.org"));
    bench
        .visit(
            "certs remove",
            &["not found", "no certificate"],
            async |n| {
                bench.app(&app(n)).await?;
                bench.fly.run("certs add", &[&host(n), "--app", &app(n)]).await?;
                Ok(words(&[&host(n), "--app", &app(n), "--yes"]))
            },
            async |n| {
                ensure!(certificates(&app(n)).await? == 0);
                Ok(())
            },
        )
        .await
}

pub async fn tokens() -> Result<()> {
    let bench = Bench::open().await?;
    let listed = async |app: &str| -> Result<Vec<String>> {
        let listed = bench.fly.run("tokens list", &["--app", app]).await?;
        let rows = listed.lines().filter(|line| line.contains("ci"));
        Ok(rows.map(|row| row.split('│').next().unwrap_or_default().trim().to_owned()).collect())
    };
    let app = |n: &str| format!("{n}-token");
    // A token is shown once: one whose answer was lost is of no use, and a repetition makes another.
    bench
        .visit(
            "tokens create deploy",
            &[],
            async |n| {
                bench.app(&app(n)).await?;
                Ok(words(&["--app", &app(n), "--name", "ci", "--expiry", "24h"]))
            },
            async |n| {
                let most = if n.ends_with('a') { 2 } else { 1 };
                ensure!((1..=most).contains(&listed(&app(n)).await?.len()));
                Ok(())
            },
        )
        .await?;
    bench
        .visit(
            "tokens create org",
            &[],
            async |n| Ok(words(&["personal", "--name", &format!("team-{n}"), "--expiry", "24h"])),
            async |n| {
                let listed = bench.fly.run("tokens list", &["--org", "personal"]).await?;
                ensure!(listed.contains(&format!("team-{n}")));
                Ok(())
            },
        )
        .await?;
    let app = |n: &str| format!("{n}-revoked");
    bench
        .visit(
            "tokens revoke",
            &["not found", "no token"],
            async |n| {
                bench.app(&app(n)).await?;
                bench
                    .fly
                    .run("tokens create deploy", &["--app", &app(n), "--name", "ci", "--expiry", "24h"])
                    .await?;
                listed(&app(n)).await
            },
            async |n| {
                // flyctl says how many tokens it revoked, and succeeds whatever the number is.
                let ids = listed(&app(n)).await?;
                let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                bench.fly.run("tokens revoke", &ids).await?;
                let shown = bench.fly.run("tokens list", &["--app", &app(n)]).await?;
                let row = shown.lines().find(|line| line.contains("ci")).unwrap_or_default();
                let revoked_at = row.rsplit('│').next().unwrap_or_default();
                ensure!(!revoked_at.trim().is_empty(), "{shown}");
                Ok(())
            },
        )
        .await
}
