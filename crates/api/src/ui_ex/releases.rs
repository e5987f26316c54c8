//! Releases that clients carry out, and the list of all.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use jiff::Timestamp;
use roost_api_types::ErrorCode;
use roost_model::{AppName, ImageRef};
use roost_records::{AppRecord, ClientStatus, ReleaseRecord};
use serde::{Deserialize, Serialize};

use crate::{
    api::Api,
    auth::{AppRight, Caller},
    client_releases,
    error::{ApiError, Result},
    http::{AppPath, Body, Params},
    orgs,
    standing::{self, Standing},
};

/// Releases in a list whose length nobody asked for, and the most in one.
const DEFAULT_LISTED: usize = 25;
const MAX_LISTED: usize = 200;

/// Longest error of a client that is kept: a few sentences, not a log.
const MAX_ERROR_CHARS: usize = 2000;

#[derive(Deserialize)]
pub struct CreateRelease {
    app_name: AppName,
    definition: serde_json::Value,
    image: String,
    strategy: Strategy,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Strategy {
    Bluegreen,
    Canary,
    Immediate,
    Rolling,
    RollingOne,
    Simple,
}

#[derive(Deserialize)]
pub struct UpdateRelease {
    status: ClientStatus,
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
pub struct Metadata {
    #[serde(default)]
    post_deployment_info: Option<PostDeploymentInfo>,
}

#[derive(Deserialize)]
pub struct PostDeploymentInfo {
    #[serde(default)]
    error: Option<String>,
}

#[derive(Serialize)]
pub struct Release {
    id: String,
    version: u64,
    stable: bool,
    in_progress: bool,
    status: &'static str,
    strategy: String,
    user: String,
    created_at: Timestamp,
    image_ref: String,
}

#[derive(Serialize)]
pub struct OneRelease {
    release: Release,
}

#[derive(Serialize)]
pub struct ReleaseList {
    releases: Vec<Release>,
}

#[derive(Deserialize)]
pub struct ListQuery {
    limit: Option<usize>,
}

pub async fn create(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Body(body): Body<CreateRelease>,
) -> Result<Json<OneRelease>> {
    let app = api.store.app(&body.app_name).await?.record;
    caller.check_app(AppRight::Write, &app)?;
    let app = app.name;
    if !body.definition.is_object() {
        return Err(ApiError::invalid("`definition` must be the app's configuration, a JSON object"));
    }
    let image: ImageRef = body.image.parse().map_err(|e| ApiError::invalid(format!("{e}")))?;
    let strategy = body.strategy.as_str().to_owned();
    let draft = client_releases::Draft { image, definition: body.definition, strategy };
    let release = client_releases::create(&api, &caller, &app, draft).await?;
    Ok(Json(OneRelease { release: shown(&api, release, Standing::Client(ClientStatus::Pending)) }))
}

pub async fn update(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Body(body): Body<UpdateRelease>,
) -> Result<Json<Release>> {
    let release = client_releases::by_id(&api.store, &id).await?;
    caller.check_app(AppRight::Write, &api.store.app(&release.app).await?.record)?;
    let error = body.metadata.and_then(|metadata| metadata.post_deployment_info?.error);
    let error =
        error.filter(|text| !text.is_empty()).map(|text| text.chars().take(MAX_ERROR_CHARS).collect());
    client_releases::report(&api.store, &release, body.status, error).await?;
    let standing = standing::of(&api, &release).await?;
    Ok(Json(shown(&api, release, standing)))
}

pub async fn list(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Params(query): Params<ListQuery>,
) -> Result<Json<ReleaseList>> {
    let count = query.limit.unwrap_or(DEFAULT_LISTED).clamp(1, MAX_LISTED);
    let releases = standing::newest(&api, &app.name, count).await?;
    let releases = releases.into_iter().map(|(release, standing)| shown(&api, release, standing));
    Ok(Json(ReleaseList { releases: releases.collect() }))
}

/// The release that the app's machines run.
pub async fn current(State(api): State<Arc<Api>>, AppPath(app): AppPath) -> Result<Json<Release>> {
    let current = app.current_release.ok_or_else(|| {
        let message = format!("app \"{}\" has no release that was deployed in full", app.name);
        ApiError::new(ErrorCode::ReleaseNotFound, message)
    })?;
    let release = api.store.release(&app.name, current).await?;
    let standing = standing::of(&api, &release).await?;
    Ok(Json(shown(&api, release, standing)))
}

/// When each app's current release was made.
pub async fn all_current(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<BTreeMap<AppName, Timestamp>>> {
    let mut times = BTreeMap::new();
    let readable = |app: &AppRecord| caller.may_app(AppRight::Read, app);
    for app in api.store.apps().await?.into_iter().filter(readable) {
        if let Some(current) = app.current_release {
            let release = api.store.release(&app.name, current).await?;
            times.insert(app.name, release.created_at);
        }
    }
    Ok(Json(times))
}

fn shown(api: &Api, release: ReleaseRecord, standing: Standing) -> Release {
    let status = standing.client_status();
    Release {
        id: release.id.to_string(),
        version: release.version,
        stable: status == ClientStatus::Complete,
        in_progress: !status.is_end(),
        status: status.as_str(),
        strategy: release.strategy.to_uppercase(),
        user: orgs::email_of(&api.config, &release.created_by),
        created_at: release.created_at,
        image_ref: release.image.to_string(),
    }
}

impl Strategy {
    /// As releases name it.
    fn as_str(self) -> &'static str {
        match self {
            Self::Bluegreen => "bluegreen",
            Self::Canary => "canary",
            Self::Immediate => "immediate",
            Self::Rolling => "rolling",
            Self::RollingOne => "rolling_one",
            Self::Simple => "simple",
        }
    }
}
