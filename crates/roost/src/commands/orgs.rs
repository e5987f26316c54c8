//! `roost orgs`: organizations and who belongs to them.

use roost_api_types::{CreateOrg, Invite, Org};

use super::context::Context;
use crate::{failure::OrNext as _, output::Table};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roost orgs create Acme
  roost orgs invite acme ann@example.com --role admin
  roost orgs show acme")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the orgs that you may see
    #[command(visible_alias = "ls")]
    List,
    /// Show an org and its members
    Show {
        /// The org
        slug: String,
    },
    /// Make an org; you administer it
    Create {
        /// Name for people; the slug follows from it
        name: String,
    },
    /// Delete an org that has no apps
    Delete {
        /// The org
        slug: String,
    },
    /// Add a person to an org, or change their role
    Invite {
        /// The org
        slug: String,
        /// E-mail address; new people are added by an administrator of the server
        email: String,
        /// admin or member
        #[arg(short, long, default_value = "member")]
        role: String,
    },
    /// Remove a person from an org; what their tokens opened there is closed at once
    Remove {
        /// The org
        slug: String,
        /// E-mail address
        email: String,
    },
}

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    match args.command {
        Command::List => list(context).await,
        Command::Show { slug } => show(&slug, context).await,
        Command::Create { name } => create(name, context).await,
        Command::Delete { slug } => delete(&slug, context).await,
        Command::Invite { slug, email, role } => invite(&slug, email, role, context).await,
        Command::Remove { slug, email } => remove(&slug, &email, context).await,
    }
}

async fn list(context: &Context) -> anyhow::Result<()> {
    let orgs = context.api()?.orgs().await?;
    context.output.result(&orgs, |orgs| {
        let mut table = Table::new(["NAME", "SLUG", "TYPE", "YOUR ROLE"]);
        for org in orgs {
            table.row([org.name.clone(), org.slug.clone(), org.kind.clone(), role(org)]);
        }
        table.to_string()
    })?;
    Ok(())
}

async fn show(slug: &str, context: &Context) -> anyhow::Result<()> {
    let org = context.api()?.org(slug).await.or_next("roost orgs list")?;
    context.output.result(&org, |org| {
        let mut table = Table::new(["MEMBER", "NAME", "ROLE", "SINCE"]);
        for member in org.members.iter().flatten() {
            let since = member.joined_at.chars().take(10).collect();
            table.row([member.email.clone(), member.name.clone(), member.role.clone(), since]);
        }
        format!("{} ({}, {}), your role: {}\n\n{table}", org.name, org.slug, org.kind, role(org))
    })?;
    Ok(())
}

async fn create(name: String, context: &Context) -> anyhow::Result<()> {
    let org = context.api()?.create_org(&CreateOrg { name }).await.or_next("roost orgs list")?;
    context.output.result(&org, |org| {
        format!("created {}\nnext: roost apps create NAME --org {}", org.slug, org.slug)
    })?;
    Ok(())
}

async fn delete(slug: &str, context: &Context) -> anyhow::Result<()> {
    context.api()?.delete_org(slug).await.or_next("roost apps list")?;
    context.output.result(&serde_json::json!({ "deleted": slug }), |_| format!("deleted {slug}"))?;
    Ok(())
}

async fn invite(slug: &str, email: String, role: String, context: &Context) -> anyhow::Result<()> {
    let request = Invite { email, role: Some(role) };
    let invited = context.api()?.invite(slug, &request).await.or_next("roost orgs show SLUG")?;
    context.output.result(&invited, |invited| {
        let member = &invited.member;
        let added = format!("{} is {} of {slug}", member.email, member.role);
        match &invited.login_token {
            None => added,
            Some(token) => format!(
                "{added}\nThey are new here. Hand them this token, good for 7 days; with it they log in:\n\n  {token}\n\n\
                 roost auth login --api-url URL       (and paste it in the browser)"
            ),
        }
    })?;
    Ok(())
}

async fn remove(slug: &str, email: &str, context: &Context) -> anyhow::Result<()> {
    context.api()?.remove_member(slug, email).await.or_next("roost orgs show SLUG")?;
    let removed = serde_json::json!({ "org": slug, "removed": email });
    context.output.result(&removed, |_| format!("{email} does not belong to {slug} any more"))?;
    Ok(())
}

fn role(org: &Org) -> String {
    org.role.clone().unwrap_or_else(|| "-".to_owned())
}
