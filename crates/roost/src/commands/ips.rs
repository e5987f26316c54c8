//! `roost ips`: an app's addresses, public ones and those on private networks.

use std::net::IpAddr;

use roost_api_types::{Address, AddressType, AssignAddress};
use roost_model::{AppName, addr::AppAddress};
use serde_json::json;

use super::context::Context;
use crate::{
    cli::AppOption,
    failure::OrNext as _,
    output::{Table, age},
};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Machines of a private network reach an app at its private address there, as <app>.flycast; requests wake it. An app
that has private addresses and no public one is served to nobody else.

Examples:
  roost ips list --app hello
  roost ips allocate-v6 --private --app hello
  roost ips allocate-v6 --private --org acme --app hello
  roost ips release fdaa:0:1::7:3 --app hello")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the app's addresses
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        app: AppOption,
    },
    /// Give the app the server's public IPv4 address, which apps share
    AllocateV4 {
        #[command(flatten)]
        app: AppOption,
    },
    /// Give the app the server's public IPv6 address, or one on a private network
    AllocateV6(AllocateV6),
    /// Take addresses from the app
    Release {
        /// The addresses
        #[arg(required = true)]
        addresses: Vec<IpAddr>,
        #[command(flatten)]
        app: AppOption,
    },
}

#[derive(Debug, clap::Args)]
struct AllocateV6 {
    /// One of the app's own, which machines of a private network reach
    #[arg(long)]
    private: bool,
    /// Org of that network; the app's own otherwise
    #[arg(long, value_name = "SLUG", requires = "private")]
    org: Option<String>,
    /// Name of that network; otherwise the app's own, or the first one of another org
    #[arg(long, value_name = "NAME", requires = "private")]
    network: Option<String>,
    #[command(flatten)]
    app: AppOption,
}

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    match args.command {
        Command::List { app } => list(&app, context).await,
        Command::AllocateV4 { app } => {
            allocate(&app, AssignAddress::of(AddressType::SharedV4), context).await
        }
        Command::AllocateV6(AllocateV6 { private, org, network, app }) => {
            let kind = if private { AddressType::PrivateV6 } else { AddressType::V6 };
            let (org_slug, network) = (org.unwrap_or_default(), network.unwrap_or_default());
            allocate(&app, AssignAddress { org_slug, network, ..AssignAddress::of(kind) }, context).await
        }
        Command::Release { addresses, app } => release(&addresses, &app, context).await,
    }
}

async fn list(app: &AppOption, context: &Context) -> anyhow::Result<()> {
    let app = context.app(app)?;
    let addresses = context.api()?.addresses(&app).await.or_next("roost apps list")?;
    context.output.result(&addresses, |addresses| table(&app, addresses))?;
    Ok(())
}

fn table(app: &AppName, addresses: &[Address]) -> String {
    let mut table = Table::new(["ADDRESS", "TYPE", "REACHED BY", "CREATED"]);
    for address in addresses {
        let (kind, by) = match is_private(address.ip) {
            true => ("private", format!("machines of its network, as {app}.flycast")),
            false => ("public", "everybody, by the app's names".to_owned()),
        };
        table.row([address.ip.to_string(), kind.to_owned(), by, age(address.created_at)]);
    }
    table.to_string()
}

async fn allocate(app: &AppOption, asked: AssignAddress, context: &Context) -> anyhow::Result<()> {
    let app = context.app(app)?;
    let given = context.api()?.assign_address(&app, &asked).await;
    let given = given.or_next("roost ips allocate-v6 --help")?;
    context.output.result(&given, |given| match is_private(given.ip) {
        true => format!("{} is {app}'s; machines of its network reach it as {app}.flycast", given.ip),
        false => format!("{} is {app}'s, too", given.ip),
    })?;
    Ok(())
}

async fn release(addresses: &[IpAddr], app: &AppOption, context: &Context) -> anyhow::Result<()> {
    let app = context.app(app)?;
    let api = context.api()?;
    for ip in addresses {
        let released = api.release_address(&app, *ip).await;
        released.or_next(format!("roost ips list --app {app}"))?;
        context.output.result(&json!({ "released": ip }), |_| format!("{ip} is not {app}'s any more"))?;
    }
    Ok(())
}

fn is_private(ip: IpAddr) -> bool {
    AppAddress::of(ip).is_some()
}
