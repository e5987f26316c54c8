//! `roost machine list`.

use roost_api_types::Machine;

use crate::{
    cli::AppOption,
    commands::context::Context,
    output::{Table, age},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    app: AppOption,

    /// Print ids only
    #[arg(short, long)]
    quiet: bool,
}

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    let app = context.app(&args.app)?;
    let machines = context.api()?.machines(&app).await?;
    context.output.result(&machines, |machines| if args.quiet { ids(machines) } else { table(machines) })?;
    Ok(())
}

fn ids(machines: &[Machine]) -> String {
    machines.iter().map(|machine| format!("{}\n", machine.id)).collect()
}

/// The machines of an app, one a line; `status` shows it too.
pub fn table(machines: &[Machine]) -> String {
    let mut table =
        Table::new(["ID", "NAME", "GROUP", "STATE", "CHECKS", "REGION", "SIZE", "ADDRESS", "UPDATED"]);
    for machine in machines {
        table.row([
            machine.id.to_string(),
            machine.name.clone(),
            machine.config.process_group().to_owned(),
            machine.state.to_string(),
            checks(machine),
            machine.region.to_string(),
            machine.config.guest().map_or_else(|_| "?".to_owned(), |guest| guest.to_string()),
            machine.private_ip.to_string(),
            age(machine.updated_at),
        ]);
    }
    table.to_string()
}

/// `2/3`: passing of all.
fn checks(machine: &Machine) -> String {
    use roost_model::service::CheckResult;
    let passing = machine.checks.iter().filter(|check| check.status == CheckResult::Passing).count();
    match machine.checks.len() {
        0 => "-".to_owned(),
        all => format!("{passing}/{all}"),
    }
}
