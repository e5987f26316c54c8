//! `fly machine`.

use anyhow::{Result, ensure};
use roost_host_api::Machine;
use roost_model::MachineState;

use super::{Bench, words};

pub async fn made_and_destroyed() -> Result<()> {
    let bench = Bench::open().await?;
    let image = bench.image.clone();
    // The name tells that the machine is there: without one, a repetition would make another.
    for (command, state) in
        [("machine run", MachineState::Started), ("machine create", MachineState::Created)]
    {
        let app = |n: &str| format!("{n}-{}", state.as_str());
        bench
            .visit(
                command,
                &["has a machine called twin already"],
                async |n| {
                    bench.app(&app(n)).await?;
                    Ok(words(&[&image, "--app", &app(n), "--region", "dev", "--name", "twin"]))
                },
                async |n| {
                    let machine = bench.only_machine(&app(n))?;
                    bench.in_state(&machine.id, state).await;
                    Ok(())
                },
            )
            .await?;
    }
    let app = |n: &str| format!("{n}-cloned");
    bench
        .visit(
            "machine clone",
            &["has a machine called twin already"],
            async |n| {
                let id = bench.app_with_machine(&app(n)).await?;
                Ok(words(&[id.as_str(), "--app", &app(n), "--name", "twin"]))
            },
            async |n| {
                let machines = bench.machines(&app(n));
                let twins: Vec<&Machine> = machines.iter().filter(|m| m.name == "twin").collect();
                ensure!((machines.len(), twins.len()) == (2, 1));
                bench.in_state(&twins[0].id, MachineState::Started).await;
                Ok(())
            },
        )
        .await?;
    let app = |n: &str| format!("{n}-gone");
    bench
        .visit(
            "machine destroy",
            &["not found", "already been destroyed"],
            async |n| {
                let id = bench.app_with_machine(&app(n)).await?;
                Ok(words(&[id.as_str(), "--app", &app(n), "--force"]))
            },
            async |n| {
                ensure!(bench.machines(&app(n)).is_empty());
                Ok(())
            },
        )
        .await
}

/// What is done to one machine, which must then be as it is told here.
struct Change {
    command: &'static str,
    options: &'static [&'static str],
    /// What is done first, by an api that lives.
    first: Option<&'static str>,
    is_right: fn(&Machine, &[String]) -> bool,
}

const CHANGES: &[Change] = &[
    Change {
        command: "machine stop",
        options: &["--wait-timeout", "30s"],
        first: None,
        is_right: |machine, _| machine.state == MachineState::Stopped,
    },
    Change {
        command: "machine start",
        options: &[],
        first: Some("stop"),
        is_right: |machine, _| machine.state == MachineState::Started,
    },
    Change {
        command: "machine suspend",
        options: &["--wait-timeout", "30s"],
        first: None,
        is_right: |machine, _| machine.state == MachineState::Suspended,
    },
    Change {
        command: "machine restart",
        options: &[],
        first: None,
        is_right: |machine, calls| machine.state == MachineState::Started && has(calls, "restart", machine),
    },
    Change {
        command: "machine kill",
        options: &[],
        first: None,
        is_right: |machine, calls| has(calls, "signal", machine),
    },
    Change { command: "machine cordon", options: &[], first: None, is_right: |machine, _| machine.cordoned },
    Change {
        command: "machine uncordon",
        options: &[],
        first: Some("cordon"),
        is_right: |machine, _| !machine.cordoned,
    },
    Change {
        command: "machine update",
        options: &["--yes", "--env", "COLOUR=green"],
        first: None,
        is_right: |machine, _| {
            machine.state == MachineState::Started
                && machine.config.env.get("COLOUR").is_some_and(|colour| colour == "green")
        },
    },
    Change {
        command: "machine exec",
        options: &["true"],
        first: None,
        is_right: |machine, _| machine.state == MachineState::Started,
    },
    Change {
        command: "machine leases clear",
        options: &[],
        first: Some("lease"),
        is_right: |machine, _| machine.state == MachineState::Started,
    },
];

pub async fn changed() -> Result<()> {
    let bench = Bench::open().await?;
    for Change { command, options, first, is_right } in CHANGES {
        let app = |n: &str| format!("{n}-{}", command.replace(' ', "-"));
        bench
            .visit(
                command,
                // There is none any more.
                &["No leases found"],
                async |n| {
                    let id = bench.app_with_machine(&app(n)).await?;
                    if let Some(first) = first {
                        let path = format!("/v1/apps/{}/machines/{id}/{first}", app(n));
                        bench.server.post(&path, &serde_json::json!({})).await?;
                    }
                    if *first == Some("stop") {
                        bench.in_state(&id, MachineState::Stopped).await;
                    }
                    Ok(words(&[&[id.as_str()], *options, &["--app", &app(n)]].concat()))
                },
                async |n| {
                    let machine = bench.only_machine(&app(n))?;
                    ensure!(bench.host.leased().is_empty(), "a lease is left");
                    let calls = bench.host.calls();
                    let is_right =
                        async || is_right(&bench.only_machine(&app(n)).ok()?, &calls).then_some(());
                    let what = format!("what {command} does to {}", machine.id);
                    roost_testbed::wait_until(&what, std::time::Duration::from_secs(20), is_right).await;
                    Ok(())
                },
            )
            .await?;
    }
    Ok(())
}

fn has(calls: &[String], call: &str, machine: &Machine) -> bool {
    calls.iter().any(|made| *made == format!("{call} {}", machine.id))
}
