//! `roost auth`: logging in and out, and who one is.

mod docker;
mod login;

use super::context::Context;
use crate::{credentials::Credentials, failure::OrNext as _};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roost auth login --api-url https://roost.example.com
  roost auth whoami
  roost auth docker                 let docker push to the server's registry")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Log in: approve it in a browser, then this computer has a token
    Login(login::Args),
    /// Log out: the server forgets this computer's token
    Logout,
    /// Show whose token is used
    Whoami,
    /// Print the token that is used
    Token,
    /// Write the registry's credentials where docker finds them
    Docker,
}

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    match args.command {
        Command::Login(args) => login::run(args, context).await,
        Command::Logout => logout(context).await,
        Command::Whoami => whoami(context).await,
        Command::Token => token(context),
        Command::Docker => docker::run(context),
    }
}

async fn logout(context: &Context) -> anyhow::Result<()> {
    let api = context.api()?;
    let mut credentials = Credentials::load()?;
    if credentials.token(api.base()) != Some(api.token()) {
        return Err(anyhow::anyhow!("nobody is logged in to {} here", api.base()))
            .or_next("unset ROOST_API_TOKEN, or revoke a token: roost tokens revoke ID");
    }
    // First where it counts: a token that is only forgotten here still opens.
    let revoked = api.revoke_token("current").await;
    credentials.log_out(api.base());
    credentials.save()?;
    revoked.or_next("the token is removed here, but the server may still take it: roost tokens list")?;
    context
        .output
        .result(&serde_json::json!({ "api_url": api.base() }), |_| format!("logged out of {}", api.base()))?;
    Ok(())
}

async fn whoami(context: &Context) -> anyhow::Result<()> {
    let user = context.api()?.user().await.or_next("roost auth login")?;
    context.output.result(&user, |user| user.email.clone())?;
    Ok(())
}

fn token(context: &Context) -> anyhow::Result<()> {
    let api = context.api()?;
    context.output.result(&serde_json::json!({ "token": api.token() }), |_| api.token().to_owned())?;
    Ok(())
}
