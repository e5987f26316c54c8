//! `roost machine start`, `stop`, `suspend`, `restart` and `destroy`: one action, on machine after machine.

use std::time::Duration;

use roost_api_types::StopMachine;
use roost_client::ApiClient;
use roost_model::{AppName, GoDuration, MachineId, MachineState};

use crate::{cli::AppOption, commands::context::Context, failure::OrNext as _};

/// Between two looks at a machine that may end in one of two states.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    app: AppOption,

    /// The machines
    #[arg(required = true, value_name = "ID")]
    machines: Vec<MachineId>,
}

#[derive(Debug, clap::Args)]
pub struct StopArgs {
    #[command(flatten)]
    app: AppOption,

    /// The machines
    #[arg(required = true, value_name = "ID")]
    machines: Vec<MachineId>,

    /// Signal of the stop [default: the app's kill_signal]
    #[arg(short, long)]
    signal: Option<String>,

    /// Time from that signal to SIGKILL, such as 10s [default: the app's kill_timeout]
    #[arg(long, value_name = "TIME")]
    timeout: Option<GoDuration>,
}

#[derive(Debug, clap::Args)]
pub struct DestroyArgs {
    #[command(flatten)]
    app: AppOption,

    /// The machines
    #[arg(required = true, value_name = "ID")]
    machines: Vec<MachineId>,

    /// Also machines that run
    #[arg(short, long)]
    force: bool,
}

impl StopArgs {
    fn how(&self) -> StopMachine {
        StopMachine { signal: self.signal.clone(), timeout: self.timeout }
    }
}

pub async fn start(args: Args, context: &Context) -> anyhow::Result<()> {
    let (app, api) = (context.app(&args.app)?, context.api()?);
    for id in &args.machines {
        let step = context.progress.step(format!("Starting {id}"));
        api.start_machine(&app, id).await.or_next(format!("roost machine status {id} --app {app}"))?;
        wait(&api, &app, id, MachineState::Started).await?;
        step.done("started");
    }
    Ok(())
}

pub async fn stop(args: StopArgs, context: &Context) -> anyhow::Result<()> {
    let (app, api) = (context.app(&args.app)?, context.api()?);
    for id in &args.machines {
        let step = context.progress.step(format!("Stopping {id}"));
        let stopping = api.stop_machine(&app, id, &args.how()).await;
        stopping.or_next(format!("roost machine status {id} --app {app}"))?;
        wait(&api, &app, id, MachineState::Stopped).await?;
        step.done("stopped");
    }
    Ok(())
}

pub async fn suspend(args: Args, context: &Context) -> anyhow::Result<()> {
    let (app, api) = (context.app(&args.app)?, context.api()?);
    for id in &args.machines {
        let step = context.progress.step(format!("Suspending {id}"));
        let suspending = api.suspend_machine(&app, id).await;
        suspending.or_next(format!("roost machine status {id} --app {app}"))?;
        step.done(&suspended(&api, &app, id).await?);
    }
    Ok(())
}

/// Waits for the end of a suspend, which may have become a stop; says which, and why.
async fn suspended(api: &ApiClient, app: &AppName, id: &MachineId) -> anyhow::Result<String> {
    let next = || format!("roost machine status {id} --app {app}");
    loop {
        let machine = api.machine(app, id).await.or_next(next())?;
        match machine.state {
            MachineState::Suspending => {}
            MachineState::Stopping | MachineState::Stopped => {
                wait(api, app, id, MachineState::Stopped).await?;
                let reason = machine.events.iter().find(|event| event.kind == "stop");
                let reason = reason.and_then(|event| event.request.as_ref()?.reason.clone());
                return Ok(format!("stopped instead: {}", reason.unwrap_or_default()));
            }
            state => return Ok(state.to_string()),
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

pub async fn restart(args: StopArgs, context: &Context) -> anyhow::Result<()> {
    let (app, api) = (context.app(&args.app)?, context.api()?);
    for id in &args.machines {
        let step = context.progress.step(format!("Restarting {id}"));
        let restarting = api.restart_machine(&app, id, &args.how()).await;
        restarting.or_next(format!("roost machine status {id} --app {app}"))?;
        wait(&api, &app, id, MachineState::Started).await?;
        step.done("started");
    }
    Ok(())
}

pub async fn destroy(args: DestroyArgs, context: &Context) -> anyhow::Result<()> {
    let (app, api) = (context.app(&args.app)?, context.api()?);
    for id in &args.machines {
        let step = context.progress.step(format!("Destroying {id}"));
        let destroying = api.destroy_machine(&app, id, args.force).await;
        destroying.or_next(format!("roost machine stop {id} --app {app}, or add --force"))?;
        step.done("destroyed");
    }
    Ok(())
}

async fn wait(api: &ApiClient, app: &AppName, id: &MachineId, state: MachineState) -> anyhow::Result<()> {
    let waited = api.wait_for_machine(app, id, state).await;
    waited.map(drop).or_next(format!("roost machine status {id} --app {app}"))
}
