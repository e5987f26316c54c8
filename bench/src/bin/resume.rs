//! Suspend, resume and cold start of one machine, in turns, so that all see the same box.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use roost_bench::stats;
use roost_host_api::{Cause, HostClient, StopMachine};
use roost_model::{MachineId, MachineState};
use roost_testbed::{App, Server, ServerOptions, netns, testapp};

/// Rounds of a suspend, a resume and a cold start.
const ROUNDS: usize = 10;

/// A machine without KVM on a busy box.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    netns::enter()?;
    let binary = std::env::var_os("ROOST_BIN").context("ROOST_BIN names the roost executable")?;
    let server = Server::start(Path::new(&binary), ServerOptions::default()).await?;
    let app = App::create(&server, "bench").await?;
    app.deploy(&testapp::image("bench")?).await?;
    app.get("/").await?;
    let machines = app.machines().await?;
    let id = machines.first().and_then(|m| m["id"].as_str()).context("the app has a machine")?;
    let (host, id) = (HostClient::unix(server.data_dir().join("run/host.sock")), id.parse::<MachineId>()?);

    eprintln!("{:>6} {:>12} {:>12} {:>12}", "round", "suspend ms", "resume ms", "cold ms");
    let (mut suspends, mut resumes, mut colds) = (Vec::new(), Vec::new(), Vec::new());
    let cause = Cause { source: "user".into(), ..Cause::default() };
    for round in 1..=ROUNDS {
        suspends.push({
            let start = Instant::now();
            host.suspend(&id, &cause).await?;
            host.wait(&id, MachineState::Suspended, None, PATIENCE).await?;
            start.elapsed()
        });
        resumes.push(first_byte(&app).await?);
        let events = host.machine(&id).await?.events;
        let refused = events.iter().find(|event| event.kind == "resume_failed");
        ensure!(refused.is_none(), "the machine was not resumed: {refused:?}");
        host.stop(&id, &StopMachine { cause: cause.clone(), ..StopMachine::default() }).await?;
        host.wait(&id, MachineState::Stopped, None, PATIENCE).await?;
        colds.push(first_byte(&app).await?);
        let ms = |samples: &[Duration]| samples.last().map_or(0.0, |d| d.as_secs_f64() * 1e3);
        eprintln!("{round:>6} {:>12.0} {:>12.0} {:>12.0}", ms(&suspends), ms(&resumes), ms(&colds));
    }
    let [suspend, resume, cold] = [&suspends, &resumes, &colds].map(|samples| stats::median_ms(samples));
    println!(
        "result: suspend_ms={suspend:.0} resume_ms={resume:.0} cold_ms={cold:.0} ratio={:.1}",
        cold / resume
    );
    Ok(())
}

/// From the request that wakes the machine to its answer.
async fn first_byte(app: &App<'_>) -> Result<Duration> {
    let start = Instant::now();
    app.get("/").await?;
    Ok(start.elapsed())
}
