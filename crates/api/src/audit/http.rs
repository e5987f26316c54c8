//! Reading the trail.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use roost_api_types::AuditEntry;
use schemars::JsonSchema;
use serde::Deserialize;

use super::trail::{Question, TrailError};
use crate::{
    api::Api,
    error::{ApiError, Result},
    http::Params,
    openapi::{Routes, call, get},
};

/// Entries of one answer, when the caller does not say.
const DEFAULT_LIMIT: u32 = 100;

/// Most entries of one answer.
const MAX_LIMIT: u32 = 1000;

pub fn routes() -> Routes {
    Routes::new()
        .at("/v1/audit", get(call("Audit_list", "Who changed what on the server, newest first"), of_server))
        .at(
            "/v1/orgs/{org_slug}/audit",
            get(call("Audit_org_list", "Who changed what in an organization, newest first"), of_org),
        )
}

#[derive(Deserialize, JsonSchema)]
struct Query {
    limit: Option<u32>,
    /// Only entries before this one.
    before: Option<u64>,
}

async fn of_server(
    State(api): State<Arc<Api>>,
    Params(query): Params<Query>,
) -> Result<Json<Vec<AuditEntry>>> {
    read(&api, None, query).await
}

async fn of_org(
    State(api): State<Arc<Api>>,
    Path(slug): Path<String>,
    Params(query): Params<Query>,
) -> Result<Json<Vec<AuditEntry>>> {
    read(&api, Some(slug), query).await
}

async fn read(api: &Api, org: Option<String>, query: Query) -> Result<Json<Vec<AuditEntry>>> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    Ok(Json(api.trail.read(Question { org, before: query.before, limit }).await?))
}

impl From<TrailError> for ApiError {
    fn from(error: TrailError) -> Self {
        Self::internal(error.to_string())
    }
}
