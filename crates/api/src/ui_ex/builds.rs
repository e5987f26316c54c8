//! Builds: that a client builds an image, and how that ended. The client builds; this is the record.

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use jiff::Timestamp;
use roost_api_types::ErrorCode;
use roost_directory::{Compare, Op, Txn};
use roost_model::AppName;
use roost_records::{BuildRecord, BuildStatus, key};
use serde::{Deserialize, Serialize};

use crate::{
    api::Api,
    auth::{AppRight, Caller},
    error::{ApiError, Result},
    http::Body,
    store::{MAX_TRIES, put},
};

/// Builds that are remembered of each app.
const KEPT_BUILDS: u64 = 50;

#[derive(Deserialize)]
pub struct BeginBuild {
    app_name: AppName,
    #[serde(default)]
    builder_type: String,
}

#[derive(Deserialize)]
pub struct FinishBuild {
    build_id: u64,
    app_name: AppName,
    status: BuildStatus,
    #[serde(default)]
    final_image: FinalImage,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct FinalImage {
    tag: String,
}

#[derive(Serialize)]
pub struct Build {
    id: u64,
    status: BuildStatus,
    wallclock_time_ms: u64,
}

pub async fn begin(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Body(body): Body<BeginBuild>,
) -> Result<Json<Build>> {
    let app = api.store.app(&body.app_name).await?.record;
    caller.check_app(AppRight::Write, &app)?;
    let app = app.name;
    for _ in 0..MAX_TRIES {
        let newest = api.store.newest::<BuildRecord>(&key::builds(&app), 1).await?.pop();
        let build = BuildRecord {
            number: newest.map_or(1, |build| build.number + 1),
            app: app.clone(),
            builder: body.builder_type.clone(),
            status: BuildStatus::Building,
            image: None,
            created_by: caller.name.clone(),
            created_at: Timestamp::now(),
            finished_at: None,
        };
        let key = key::build(&app, build.number);
        let mut txn = Txn::always([put(&key, &build)])
            .when(Compare::absent(&key))
            .when(Compare::present(key::app(&app)));
        if let Some(old) = build.number.checked_sub(KEPT_BUILDS).filter(|old| *old > 0) {
            txn.success.push(Op::delete(key::build(&app, old)));
        }
        if api.store.txn(txn).await?.succeeded {
            return Ok(Json(shown(&build)));
        }
        api.store.app(&app).await?;
    }
    Err(ApiError::contended())
}

/// A build ends once; hearing of it again changes nothing.
pub async fn finish(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Body(body): Body<FinishBuild>,
) -> Result<Json<Build>> {
    caller.check_app(AppRight::Write, &api.store.app(&body.app_name).await?.record)?;
    let key = key::build(&body.app_name, body.build_id);
    for _ in 0..MAX_TRIES {
        let Some(stored) = api.store.get::<BuildRecord>(&key).await? else {
            let message = format!("app \"{}\" has no build {}", body.app_name, body.build_id);
            return Err(ApiError::new(ErrorCode::NotFound, message));
        };
        let mut build = stored.record;
        if build.finished_at.is_some() {
            return Ok(Json(shown(&build)));
        }
        build.status = body.status;
        build.finished_at = Some(Timestamp::now());
        build.image = Some(body.final_image.tag.clone()).filter(|tag| !tag.is_empty());
        let txn = Txn::always([put(&key, &build)]).when(Compare::unchanged(&key, stored.revision));
        if api.store.txn(txn).await?.succeeded {
            tracing::info!(app = %build.app, build = build.number, status = ?build.status, "a build ended");
            return Ok(Json(shown(&build)));
        }
    }
    Err(ApiError::contended())
}

fn shown(build: &BuildRecord) -> Build {
    let took = build.finished_at.map(|end| end.duration_since(build.created_at).as_millis());
    Build {
        id: build.number,
        status: build.status,
        wallclock_time_ms: took.and_then(|ms| u64::try_from(ms).ok()).unwrap_or_default(),
    }
}
