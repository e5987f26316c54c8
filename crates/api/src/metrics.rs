//! What the apps' machines say of themselves, as one Prometheus page for each app.

use std::sync::Arc;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use crate::{
    api::Api,
    error::Result,
    http::AppPath,
    openapi::{Routes, call, get},
};

/// Prometheus' text format.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub fn routes() -> Routes {
    let metrics = call("Metrics_show", "Figures of an app's machines, for Prometheus").media(CONTENT_TYPE);
    Routes::new().at("/v1/apps/{app_name}/metrics", get(metrics, self::metrics))
}

async fn metrics(State(api): State<Arc<Api>>, AppPath(app): AppPath) -> Result<Response> {
    let mut page = String::new();
    for host in api.hosts.all() {
        page.push_str(&host.metrics(Some(&app.name)).await?);
    }
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], page).into_response())
}
