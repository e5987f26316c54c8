//! `fly tokens`: what a token may do, and that a revoked one may nothing.

use anyhow::{Context, Result};

use crate::{assert_says, fly::Flyctl, support::server};

pub async fn tokens_open_what_they_are_for() -> Result<()> {
    let server = server().await?;
    let fly = Flyctl::new(&server)?;
    for app in ["web", "other"] {
        fly.run("apps create", &[app, "--org", "personal"]).await?;
    }

    let deploy = ["--app", "web", "--name", "ci", "--expiry", "24h"];
    let token = fly.run("tokens create deploy", &deploy).await?;
    let ci = Flyctl::at(server.api(), token.trim())?;
    ci.run("machine list", &["--app", "web"]).await?;
    ci.refused("machine list", &["--app", "other"]).await?;
    ci.refused("apps destroy", &["other", "--yes"]).await?;
    assert_says(&server.run(["apps", "list"]).await?, &["web", "other"]);

    let token = fly.run("tokens create org", &["personal", "--name", "team", "--expiry", "24h"]).await?;
    let team = Flyctl::at(server.api(), token.trim())?;
    team.run("machine list", &["--app", "other"]).await?;

    let listed = fly.run("tokens list", &["--app", "web"]).await?;
    let line = listed.lines().find(|line| line.contains("ci")).context("the token's line")?;
    let id = line.split('│').next().unwrap_or_default().trim();
    assert_says(&fly.run("tokens list", &["--org", "personal"]).await?, &["team"]);
    assert_says(&fly.run("tokens revoke", &[id]).await?, &["1 tokens revoked"]);
    ci.refused("machine list", &["--app", "web"]).await?;
    team.run("machine list", &["--app", "web"]).await.map(drop)
}
