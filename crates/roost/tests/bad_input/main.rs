//! Bad input, met by the whole system: what a person reads (what was wrong, where, what to do next),
//! and that nothing half-done is left: no app, no machine, no release marked current, and an earlier
//! release that goes on answering.
//!
//! | input | test |
//! |---|---|
//! | fly.toml: a wrong type, a port out of range | `configuration::faults_are_shown_in_their_place` |
//! | fly.toml: an unknown key, with and without `--strict` | `configuration::an_unknown_key_is_named_with_the_nearest` |
//! | no Dockerfile; a failing build | `build::a_build_that_cannot_be_leaves_nothing` |
//! | another architecture; no command; no such image | `images::what_cannot_run_here_makes_no_release` |
//! | a broken layer; `../`, absolute and hard-link escapes; a decompression bomb | `images::hostile_layers_are_refused_and_the_good_release_serves` |
//! | a pull that breaks | `pulls::a_pull_that_breaks_is_resumed`, `pulls::a_pull_that_keeps_breaking_says_so` |
//! | an app that exits at start | `apps::an_app_that_exits_is_quoted` |
//! | an app that never listens, or elsewhere | `apps::an_app_that_listens_elsewhere_is_told_where` |
//! | a disk that fills | `apps::a_full_disk_is_the_apps_own_trouble` |
//! | two deploys at once | `apps::a_second_deploy_is_refused_and_names_the_first` |
//! | a server that is not running | `access::without_a_server_it_is_said_how_to_start_one` |
//! | a wrong token, a missing token | `access::without_a_good_token_nothing_happens` |
//! | a volume of a bad name, size or source, in use, of another app | `volumes::a_volume_that_can_not_be_is_refused_with_the_reason` |
//! | a machine's name, or an app's, taken | `access::a_name_that_is_taken_is_refused` |

mod access;
mod apps;
mod build;
mod configuration;
mod images;
mod pulls;
mod registry;
#[path = "../support/mod.rs"]
mod support;
mod volumes;

use anyhow::Result;
use roost_testbed::{App, OciImage, Server, app::service_config};
use serde_json::Value;

/// Every piece of text is there.
#[track_caller]
fn assert_says(text: &str, pieces: &[&str]) {
    for piece in pieces {
        assert!(text.contains(piece), "{piece:?} is missing in:\n{text}");
    }
}

/// What a deploy that must fail says.
async fn refused_deploy(server: &Server, app: &App<'_>, image: &OciImage) -> Result<String> {
    app.configure(&service_config(""))?;
    let image = app.push(image).await?;
    server.refused(app.deploy_arguments(&image)).await
}

async fn releases(server: &Server, app: &App<'_>) -> Result<Vec<Value>> {
    let releases = server.json(&["releases", "--app", app.name()]).await?;
    Ok(releases.as_array().cloned().unwrap_or_default())
}

/// The app has this current release and one machine, which answers as this version of the test app.
async fn assert_serves(server: &Server, app: &App<'_>, release: u64, version: &str) -> Result<()> {
    let releases = releases(server, app).await?;
    let current: Vec<&Value> = releases.iter().filter(|r| r["current"] == true).collect();
    assert!(current.len() == 1 && current[0]["version"] == release, "{releases:#?}");
    let machines = app.machines().await?;
    assert!(machines.len() == 1 && machines[0]["state"] == "started", "{machines:#?}");
    assert_says(&app.get("/").await?, &[&format!("\"version\":\"{version}\"")]);
    Ok(())
}

/// The app has no machine and no current release.
async fn assert_nothing_left(server: &Server, app: &App<'_>) -> Result<()> {
    let releases = releases(server, app).await?;
    assert!(releases.iter().all(|release| release["current"] == false), "{releases:#?}");
    let machines = app.machines().await?;
    assert!(machines.is_empty(), "{machines:#?}");
    Ok(())
}
