//! The real flyctl, unmodified, drives a server. What each command did is looked for where it must show:
//! in the VM, at the edge, on disk, in our own API; an exit code alone proves nothing.
//!
//! Each story below has a thread, a network and a server of its own. What became of each command is printed
//! at the end, and when all stories were told, docs/flyctl.md is held to it (`ledger`).

mod accounts;
mod addresses;
mod build;
mod deploy;
mod fly;
mod interrupted;
mod launch;
mod ledger;
mod look;
mod machines;
mod scale;
mod secrets;
mod shop;
#[path = "../support/mod.rs"]
mod support;
mod tokens;
mod volumes;

use std::{panic::resume_unwind, pin::Pin, process::ExitCode, thread};

use anyhow::{Context, Result};
use libtest_mimic::{Arguments, Trial};
use roost_testbed::{App, netns};
use serde_json::Value;
use tokio::task::LocalSet;

macro_rules! stories {
    ($($story:path,)*) => { vec![$(story(stringify!($story), || Box::pin($story()))),*] };
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let conclusion = libtest_mimic::run(&arguments, stories());
    ledger::print();
    if arguments.list || conclusion.has_failed() {
        return conclusion.exit_code();
    }
    let told_all = conclusion.num_filtered_out == 0 && conclusion.num_ignored == 0;
    match told_all.then(ledger::differs_from_page).flatten() {
        Some(difference) => {
            eprintln!("docs/flyctl.md is not what these tests found:\n{difference}");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}

fn stories() -> Vec<Trial> {
    stories![
        // These wait for flyctl most of the time.
        interrupted::deploys::bluegreen,
        interrupted::deploys::canary,
        accounts::one_finds_oneself_and_makes_apps,
        accounts::people_come_to_an_organization_and_go,
        addresses::addresses_are_given_and_taken_back,
        addresses::certificates_are_asked_for,
        build::a_dockerfile_becomes_an_app,
        deploy::every_strategy_brings_the_new_version,
        deploy::a_release_command_decides,
        deploy::a_deploy_that_cannot_become_healthy_says_so,
        launch::an_image_becomes_an_app,
        look::an_app_is_looked_at,
        machines::a_machines_life_in_flyctls_hands,
        machines::machines_are_made_by_hand,
        scale::an_app_grows_and_shrinks,
        secrets::secrets_reach_the_app,
        tokens::tokens_open_what_they_are_for,
        volumes::a_volumes_life_in_flyctls_hands,
        interrupted::real::a_command_survives_the_death_of_the_server,
        interrupted::apps::apps,
        interrupted::apps::organizations,
        interrupted::apps::launches,
        interrupted::deploys::deploys,
        interrupted::deploys::secrets,
        interrupted::deploys::scales,
        interrupted::machines::made_and_destroyed,
        interrupted::machines::changed,
        interrupted::parts::volumes,
        interrupted::parts::addresses_and_certificates,
        interrupted::parts::tokens,
    ]
}

type Told = Pin<Box<dyn Future<Output = Result<()>>>>;

fn story(name: &str, tell: fn() -> Told) -> Trial {
    Trial::test(name, move || {
        // A network belongs to a thread, and threads of the harness are used again.
        let told = thread::spawn(move || {
            let told = in_a_network_of_its_own(tell);
            // Whatever it was that failed, it followed from the last command.
            if told.is_err() {
                ledger::last_failed();
            }
            told
        });
        match told.join() {
            Ok(told) => told.map_err(|error| format!("{error:#}").into()),
            Err(panic) => resume_unwind(panic),
        }
    })
}

fn in_a_network_of_its_own(tell: fn() -> Told) -> Result<()> {
    netns::enter()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async { tell().await })
}

/// Every piece of text is there.
#[track_caller]
fn assert_says(text: &str, pieces: &[&str]) {
    for piece in pieces {
        assert!(text.contains(piece), "{piece:?} is missing in:\n{text}");
    }
}

/// The machine that answers for the app at the edge.
async fn answering_machine(app: &App<'_>) -> Result<String> {
    let answer: Value = serde_json::from_str(&app.get("/").await?)?;
    Ok(answer["machine"].as_str().unwrap_or_default().to_owned())
}

/// A machine as our API shows it.
async fn machine(app: &App<'_>, id: &str) -> Result<Value> {
    let machines = app.machines().await?;
    machines.into_iter().find(|m| m["id"] == id).with_context(|| format!("no machine {id}"))
}
