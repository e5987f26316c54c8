//! What the apps' machines say of themselves, as one Prometheus page for each app.

use std::sync::Arc;

use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};

use crate::{api::Api, error::Result, http::AppPath};

/// Prometheus' text format.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub fn routes() -> Router<Arc<Api>> {
    Router::new().route("/v1/apps/{app}/metrics", get(metrics))
}

async fn metrics(State(api): State<Arc<Api>>, AppPath(app): AppPath) -> Result<impl IntoResponse> {
    let mut page = String::new();
    for host in api.hosts.all() {
        page.push_str(&host.metrics(Some(&app.name)).await?);
    }
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], page))
}
