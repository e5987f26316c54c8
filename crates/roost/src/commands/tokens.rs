//! `roost tokens`: makes, lists and revokes API tokens.

use roost_api_types::{CreateToken, Token, TokenCommand};

use super::context::Context;
use crate::{cli::AppOption, failure::OrNext as _, output::Table};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roost tokens create deploy --app hello --name ci --expiry 720h
  roost tokens create org acme
  roost tokens create machine-exec --app hello --command 'rake db:migrate'
  roost tokens list --app hello
  roost tokens revoke 01HEPA330HZ37A78TK080NAK1M")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a token; it is shown once
    Create {
        #[command(subcommand)]
        kind: Kind,
    },
    /// List tokens: of an app, of an org, or your own
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        app: AppOption,
        /// Tokens of this org and of its apps
        #[arg(short, long, value_name = "SLUG", conflicts_with_all = ["app", "config"])]
        org: Option<String>,
    },
    /// Revoke tokens: they open nothing from then on
    Revoke {
        /// Ids, as `roost tokens list` shows them
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

#[derive(Debug, clap::Subcommand)]
enum Kind {
    /// Everything about one app, but for deleting it
    Deploy {
        #[command(flatten)]
        app: AppOption,
        #[command(flatten)]
        common: Common,
    },
    /// Everything in one org, but for its members
    Org {
        /// The org
        #[arg(default_value = "personal", value_name = "SLUG")]
        org: String,
        #[command(flatten)]
        common: Common,
    },
    /// Seeing everything in one org
    Readonly {
        /// The org
        #[arg(default_value = "personal", value_name = "SLUG")]
        org: String,
        #[command(flatten)]
        common: Common,
    },
    /// Running commands in one app's machines
    MachineExec {
        #[command(flatten)]
        app: AppOption,
        /// A command that may be run, with exactly these arguments; may be given several times
        #[arg(short = 'C', long, value_name = "COMMAND")]
        command: Vec<String>,
        /// The same, with any further arguments
        #[arg(short = 'p', long, value_name = "COMMAND")]
        command_prefix: Vec<String>,
        #[command(flatten)]
        common: Common,
    },
    /// A login of a user, for somebody who lost theirs; needs an administrator of the server
    User {
        /// E-mail address
        email: String,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, clap::Args)]
struct Common {
    /// Name, shown in lists and as the author of what it does
    #[arg(short, long, default_value = "")]
    name: String,
    /// How long it is good, such as 720h; 90 days when not given
    #[arg(short = 'x', long, value_name = "DURATION")]
    expiry: Option<String>,
}

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    match args.command {
        Command::Create { kind } => create(kind, context).await,
        Command::List { app, org } => list(&app, org, context).await,
        Command::Revoke { ids } => revoke(&ids, context).await,
    }
}

async fn create(kind: Kind, context: &Context) -> anyhow::Result<()> {
    let request = request(kind, context)?;
    let created = context.api()?.create_token(&request).await.or_next("roost tokens --help")?;
    context.output.result(&created, |created| created.token.clone())?;
    Ok(())
}

fn request(kind: Kind, context: &Context) -> anyhow::Result<CreateToken> {
    let of = |kind: &str, common: Common| CreateToken {
        kind: kind.to_owned(),
        name: common.name,
        expiry: common.expiry,
        ..CreateToken::default()
    };
    Ok(match kind {
        Kind::Deploy { app, common } => {
            CreateToken { app: Some(context.app(&app)?.to_string()), ..of("deploy", common) }
        }
        Kind::Org { org, common } => CreateToken { org: Some(org), ..of("org", common) },
        Kind::Readonly { org, common } => CreateToken { org: Some(org), ..of("org_read_only", common) },
        Kind::User { email, common } => CreateToken { user: Some(email), ..of("user", common) },
        Kind::MachineExec { app, command, command_prefix, common } => {
            let exact = command.iter().map(|text| token_command(text, true));
            let prefixes = command_prefix.iter().map(|text| token_command(text, false));
            CreateToken {
                app: Some(context.app(&app)?.to_string()),
                commands: exact.chain(prefixes).collect::<anyhow::Result<_>>()?,
                ..of("machine_exec", common)
            }
        }
    })
}

fn token_command(text: &str, exact: bool) -> anyhow::Result<TokenCommand> {
    let args = shlex::split(text).filter(|args| !args.is_empty());
    let args =
        args.ok_or_else(|| anyhow::anyhow!("{text:?} is no command: a quote does not end, or it is empty"));
    Ok(TokenCommand { args: args.or_next("roost tokens create machine-exec --help")?, exact })
}

async fn list(app: &AppOption, org: Option<String>, context: &Context) -> anyhow::Result<()> {
    let filter = match org {
        Some(org) => format!("org={org}"),
        None if app.app.is_some() || app.config.is_some() => format!("app={}", context.app(app)?),
        None => String::new(),
    };
    let tokens = context.api()?.tokens(&filter).await.or_next("roost orgs list")?.tokens;
    context.output.result(&tokens, |tokens| table(tokens))?;
    Ok(())
}

fn table(tokens: &[Token]) -> String {
    let mut table = Table::new(["ID", "NAME", "KIND", "OF", "MADE BY", "EXPIRES", "LAST USED", "REVOKED"]);
    // To the minute: more says nothing to people.
    let time = |text: &Option<String>| {
        text.as_deref()
            .map_or("-".to_owned(), |text| text.chars().take(16).collect::<String>().replace('T', " "))
    };
    for token in tokens {
        table.row([
            token.id.clone(),
            token.name.clone(),
            token.kind.clone(),
            token.app.clone().or_else(|| token.org.clone()).unwrap_or_else(|| "-".to_owned()),
            token.user.clone().unwrap_or_else(|| "-".to_owned()),
            time(&token.expires_at),
            time(&token.last_used_at),
            time(&token.revoked_at),
        ]);
    }
    table.to_string()
}

async fn revoke(ids: &[String], context: &Context) -> anyhow::Result<()> {
    let api = context.api()?;
    for id in ids {
        api.revoke_token(id).await.or_next("roost tokens list")?;
        context.output.line(&serde_json::json!({ "revoked": id }), |_| format!("revoked {id}"))?;
    }
    Ok(())
}
