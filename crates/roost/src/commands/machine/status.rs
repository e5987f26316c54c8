//! `roost machine status`: one machine with its checks and events.

use std::fmt::Write as _;

use jiff::Timestamp;
use roost_api_types::Machine;
use roost_model::{MachineId, event::MachineEvent};

use super::list;
use crate::{
    cli::AppOption,
    commands::context::Context,
    failure::OrNext as _,
    output::{Table, age},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    app: AppOption,

    /// The machine
    machine: MachineId,
}

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    let app = context.app(&args.app)?;
    let machine = context.api()?.machine(&app, &args.machine).await;
    let machine = machine.or_next(format!("roost machine list --app {app}"))?;
    context.output.result(&machine, text)?;
    Ok(())
}

fn text(machine: &Machine) -> String {
    let mut text = list::table(std::slice::from_ref(machine));
    let image = &machine.image_ref;
    let _ = writeln!(text, "\nimage: {}/{}@{}", image.registry, image.repository, image.digest);
    for check in &machine.checks {
        let _ = writeln!(text, "check {}: {:?}, {}", check.name, check.status, check.output.trim());
    }
    text.push('\n');
    text.push_str(&events(&machine.events));
    text
}

fn events(events: &[MachineEvent]) -> String {
    let mut table = Table::new(["EVENT", "STATE", "SOURCE", "WHEN", "DETAIL"]);
    for event in events {
        let when = Timestamp::from_millisecond(event.timestamp).map_or_else(|_| "?".to_owned(), age);
        table.row([event.kind.clone(), event.status.clone(), event.source.clone(), when, detail(event)]);
    }
    table.to_string()
}

fn detail(event: &MachineEvent) -> String {
    let Some(request) = &event.request else { return String::new() };
    if let Some(reason) = &request.reason {
        return reason.clone();
    }
    match &request.exit_event {
        Some(exit) if exit.oom_killed => "out of memory".to_owned(),
        Some(exit) if exit.guest_signal > 0 => format!("killed by signal {}", exit.guest_signal),
        Some(exit) => format!("exit code {}", exit.exit_code),
        None => String::new(),
    }
}
