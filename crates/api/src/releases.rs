//! Releases: made by a deploy, a rollback or new secrets; each makes machines follow.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use roost_api_types::{CreateRelease, DeployAnswer, DeployStatus, ErrorCode, Release, Rollback, Scale};
use roost_app_config::{AppConfig, ReleaseMeta, section::StrategyName};
use roost_images::{Resolved, command};
use roost_model::{AppName, ImageRef};
use roost_records::{AppRecord, ReleaseReason, ReleaseRecord};

use crate::{
    api::Api,
    auth::Caller,
    collect::KEPT_RELEASES,
    deploy::{Begun, Draft, Intent, begin},
    deploys,
    error::{ApiError, Result},
    http::{AppPath, Body},
    images,
    openapi::{Routes, call, get, post},
    standing::{self, Standing},
};

/// Releases in a list.
const LISTED: usize = 100;

/// Machines of one group, more than any box has room for.
const MAX_COUNT: u32 = 1000;

pub fn routes() -> Routes {
    const ALL: &str = "/v1/apps/{app_name}/releases";
    Routes::new()
        .at(
            ALL,
            get(call("Releases_list", "The releases of an app, newest first"), list)
                .post(call("Releases_create", "Make a release and begin its deploy"), create),
        )
        .at(
            &format!("{ALL}/{{version}}"),
            get(
                call("Releases_show", "A release, its configuration and its last deploy").or_fails(&[400]),
                show,
            ),
        )
        .at(
            "/v1/apps/{app_name}/rollback",
            post(call("Releases_rollback", "Make a release with the content of an earlier one"), rollback),
        )
        .at(
            "/v1/apps/{app_name}/scale",
            post(call("Releases_scale", "Have other numbers of machines"), scale),
        )
}

pub async fn create(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    AppPath(app): AppPath,
    Body(body): Body<CreateRelease>,
) -> Result<Json<DeployAnswer>> {
    let config = read_config(&app.name, &body.config)?;
    let image = body.image.as_deref().or(config.build.image.as_deref()).ok_or_else(|| {
        ApiError::invalid("the release has no image: build one with `roost deploy`, or name one with --image")
    })?;
    let image: ImageRef = image.parse().map_err(|e| ApiError::invalid(format!("{e}")))?;
    api.store.check_no_deploy(&app.name).await?;
    let resolved = images::resolve_for(&api, &caller, &image).await?;
    check_commands(&config, &resolved)?;
    let (strategy, mut warnings) = strategy(&config, body.strategy.as_deref())?;
    warnings
        .extend(config.unacted().into_iter().map(|key| format!("`{key}` is stored; nothing acts on it yet")));
    let draft = Draft {
        image: resolved.image,
        config: body.config,
        secrets_version: api.store.newest_secrets(&app.name).await?.version,
        strategy,
        reason: ReleaseReason::Deploy,
        message: body.message,
        created_by: caller.name,
        warnings,
    };
    let intent = Intent::Release { draft: Box::new(draft), ha: body.ha };
    answer(begin(&api, &app.name, intent, body.plan_only).await?, body.plan_only)
}

/// A new release with the content of an earlier one, its secrets included.
pub async fn rollback(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    AppPath(app): AppPath,
    Body(body): Body<Rollback>,
) -> Result<Json<DeployAnswer>> {
    let to = match body.version {
        Some(version) => version,
        None => release_before(&api, &app).await?,
    };
    let earlier = api.store.release(&app.name, to).await?;
    let reason = ReleaseReason::Rollback { to };
    let draft = Draft { reason, created_by: caller.name, ..draft_of(earlier) };
    let intent = Intent::Release { draft: Box::new(draft), ha: false };
    answer(begin(&api, &app.name, intent, body.plan_only).await?, body.plan_only)
}

pub async fn scale(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Body(body): Body<Scale>,
) -> Result<Json<DeployAnswer>> {
    if let Some(current) = app.current_release {
        let release = api.store.release(&app.name, current).await?;
        check_counts(&read_config(&app.name, &release.config)?, &body)?;
    }
    answer(begin(&api, &app.name, Intent::Scale(body.counts), body.plan_only).await?, body.plan_only)
}

/// A release as the current one, with the newest secrets.
pub async fn deploy_secrets(
    api: &Arc<Api>,
    caller: &Caller,
    app: &AppRecord,
    current: u64,
) -> Result<DeployAnswer> {
    let release = api.store.release(&app.name, current).await?;
    let draft = Draft {
        secrets_version: api.store.newest_secrets(&app.name).await?.version,
        reason: ReleaseReason::Secrets,
        created_by: caller.name.clone(),
        ..draft_of(release)
    };
    let intent = Intent::Release { draft: Box::new(draft), ha: false };
    Ok(answer(begin(api, &app.name, intent, false).await?, false)?.0)
}

pub async fn list(State(api): State<Arc<Api>>, AppPath(app): AppPath) -> Result<Json<Vec<Release>>> {
    let releases = standing::newest(&api, &app.name, LISTED).await?;
    let list = releases.into_iter().map(|(release, standing)| {
        let status = standing.deploy_status();
        Release { config: None, ..shown(release, app.current_release, status) }
    });
    Ok(Json(list.collect()))
}

pub async fn show(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Path((_, version)): Path<(String, String)>,
) -> Result<Json<Release>> {
    let version = deploys::number(&version)?;
    let release = api.store.release(&app.name, version).await?;
    let status = standing::of(&api, &release).await?.deploy_status();
    let deploy = deploys::last_of(&api, &app.name, version).await?;
    let deploy = deploy.map(|deploy| deploys::shown(&deploy));
    Ok(Json(Release { deploy, ..shown(release, app.current_release, status) }))
}

fn answer(begun: Begun, plan_only: bool) -> Result<Json<DeployAnswer>> {
    let Begun { release, deploy } = begun;
    let (plan, warnings) = (deploy.rollout.plan.to_string(), deploy.warnings.clone());
    let status = deploy.status;
    Ok(Json(DeployAnswer {
        release: (!plan_only).then(|| shown(release, deploy.last_good, status)),
        deploy: (!plan_only).then(|| deploys::shown(&deploy)),
        plan,
        warnings,
    }))
}

fn shown(release: ReleaseRecord, current: Option<u64>, status: DeployStatus) -> Release {
    Release {
        description: release.reason.to_string(),
        current: current == Some(release.version),
        version: release.version,
        id: release.id,
        status,
        image: release.image,
        strategy: release.strategy,
        secrets_version: release.secrets_version,
        message: release.message,
        created_by: release.created_by,
        created_at: release.created_at,
        config: Some(release.config),
        deploy: None,
    }
}

fn draft_of(release: ReleaseRecord) -> Draft {
    let ReleaseRecord { image, config, secrets_version, strategy, reason, created_by, .. } = release;
    Draft {
        image,
        config,
        secrets_version,
        strategy,
        reason,
        message: None,
        created_by,
        warnings: Vec::new(),
    }
}

/// The release that ran before the current one.
async fn release_before(api: &Api, app: &AppRecord) -> Result<u64> {
    let releases = standing::newest(api, &app.name, LISTED).await?;
    let ran = |(release, standing): &&(ReleaseRecord, Standing)| {
        standing.deploy_status() == DeployStatus::Succeeded && Some(release.version) != app.current_release
    };
    releases.iter().find(ran).map(|(release, _)| release.version).ok_or_else(|| {
        let message = format!(
            "app \"{}\" has no earlier release that ran (images of the last {KEPT_RELEASES} are kept); \
             `roost releases -a {}` shows what it has",
            app.name, app.name
        );
        ApiError::new(ErrorCode::ReleaseNotFound, message)
    })
}

/// # Errors
/// Everything that is wrong with it, in the details one by one.
fn read_config(app: &AppName, json: &serde_json::Value) -> Result<AppConfig> {
    let invalid = |message: String| ApiError::new(ErrorCode::InvalidConfig, message);
    let config: AppConfig = serde_json::from_value(json.clone())
        .map_err(|e| invalid(format!("the configuration can not be read: {e}")))?;
    if config.app.as_ref().is_some_and(|name| name != app) {
        return Err(invalid(format!(
            "the configuration is of another app than \"{app}\"; check `app` in fly.toml"
        )));
    }
    let problems: Vec<String> = config.validate().iter().map(ToString::to_string).collect();
    if problems.is_empty() {
        return Ok(config);
    }
    let details = serde_json::json!({ "problems": problems });
    Err(invalid(format!("the configuration is invalid: {}", problems.join("; "))).details(details))
}

/// An image that says nothing of what to run would fail in every machine; better here.
fn check_commands(config: &AppConfig, resolved: &Resolved) -> Result<()> {
    let meta = ReleaseMeta { id: String::new(), version: 0 };
    for group in config.process_groups() {
        let machine = config.machine_config(&group.name, &resolved.image, &meta);
        command::of_machine(&resolved.config, &machine)
            .map_err(|e| ApiError::new(ErrorCode::ImageUnavailable, format!("{}: {e}", resolved.image)))?;
    }
    Ok(())
}

/// The strategy's name, with what is to be said about it.
fn strategy(config: &AppConfig, asked: Option<&str>) -> Result<(String, Vec<String>)> {
    let all = [StrategyName::Rolling, StrategyName::Canary, StrategyName::Bluegreen, StrategyName::Immediate];
    let strategy = match asked {
        None => config.deploy.strategy.unwrap_or_default(),
        Some(name) => *all.iter().find(|strategy| strategy.as_str() == name).ok_or_else(|| {
            ApiError::invalid(format!("unknown strategy \"{name}\": use rolling or immediate"))
        })?,
    };
    if matches!(strategy, StrategyName::Canary | StrategyName::Bluegreen) && !config.mounts.is_empty() {
        return Err(ApiError::invalid(format!(
            "strategy \"{}\" makes a second machine beside the old one, which can not have its volume too: use rolling or immediate",
            strategy.as_str()
        )));
    }
    let warnings = match strategy {
        StrategyName::Rolling | StrategyName::Immediate => vec![],
        other => vec![format!("strategy \"{}\" is carried out as rolling", other.as_str())],
    };
    Ok((strategy.as_str().to_owned(), warnings))
}

fn check_counts(config: &AppConfig, scale: &Scale) -> Result<()> {
    let groups: Vec<String> = config.process_groups().into_iter().map(|group| group.name).collect();
    for (group, count) in &scale.counts {
        if !groups.contains(group) {
            let known = groups.join(", ");
            return Err(ApiError::invalid(format!(
                "there is no process group \"{group}\"; groups are: {known}"
            )));
        }
        if *count > MAX_COUNT {
            return Err(ApiError::invalid(format!("a group has at most {MAX_COUNT} machines")));
        }
    }
    Ok(())
}
