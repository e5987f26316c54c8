//! `roost deploy`: image, release, rollout.
//!
//! The story: read and check the configuration; make the image ([`image`]: build it, or take the one
//! that is named); make the app if it is new; push; ask for a release; watch ([`watch`]) what the api makes of it.

mod args;
mod files;
mod image;
pub mod watch;

use anyhow::Context as _;
use roost_api_types::{AddressType, AssignAddress, CreateApp, CreateRelease, ErrorCode};
use roost_app_config::{AppConfig, Strictness};
use roost_client::ApiClient;
use roost_model::AppName;

pub use args::Args;

use super::context::Context;
use crate::{
    app_file::{AppFile, Check},
    failure::OrNext as _,
};

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    let mut file = configuration(&args)?;
    for warning in &file.warnings {
        context.progress.warn(warning.to_string());
    }
    let app = app_name(&args, &file.config)?;
    args.apply(&mut file.config)?;
    file.config.app = Some(app.clone());
    files::inline(&mut file)?;

    let api = context.api()?;
    let image = image::prepare(&args, &file, &app, &api, context).await?;
    if args.plan {
        api.app(&app).await.or_next(format!("roost apps create {app}"))?;
    } else {
        ensure_app(&api, &app, context).await?;
    }
    let image = image.reference(&app, &api, context).await?;
    if args.build_only {
        context.output.result(&image, |image| image.clone().unwrap_or_default())?;
        return Ok(());
    }
    if args.flycast && !args.plan {
        let given = api.assign_address(&app, &AssignAddress::of(AddressType::PrivateV6)).await?;
        context.progress.note(format!("{} is the app's private address, {app}.flycast its name", given.ip));
    }
    let request = CreateRelease {
        config: serde_json::to_value(&file.config)?,
        image,
        strategy: args.strategy.clone(),
        ha: args.ha,
        plan_only: args.plan,
        message: args.message.clone(),
    };
    let answer = api.create_release(&app, &request).await.or_next(format!("roost status --app {app}"))?;
    watch::follow(&api, &app, answer, args.detach, context).await
}

fn configuration(args: &Args) -> anyhow::Result<AppFile> {
    let strictness = if args.strict { Strictness::Strict } else { Strictness::Lenient };
    AppFile::find(args.app.config.as_deref(), Check::Whole(strictness))?
        .context("there is no fly.toml here")
        .or_next("roost launch")
}

fn app_name(args: &Args, config: &AppConfig) -> anyhow::Result<AppName> {
    match (&args.app.app, &config.app) {
        (Some(name), _) => Ok(name.parse()?),
        (None, Some(name)) => Ok(name.clone()),
        (None, None) => Err(anyhow::anyhow!("the configuration names no app"))
            .or_next("add an \"app\" key to it, or name the app with --app"),
    }
}

/// A first deploy needs no step before it. Nothing that can be found wrong without the app comes after.
async fn ensure_app(api: &ApiClient, app: &AppName, context: &Context) -> anyhow::Result<()> {
    match api.app(app).await {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some(ErrorCode::AppNotFound) => {
            let request = CreateApp { name: app.to_string(), ..CreateApp::default() };
            api.create_app(&request).await.or_next("choose another name")?;
            context.progress.note(format!("created the app {app}"));
            Ok(())
        }
        Err(error) => Err(error).or_next("roost apps list"),
    }
}
