//! Lists of tags and of referrers.

use axum::{
    Json,
    extract::Request,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{
    Registry,
    error::RegistryError,
    uploads::{parameter, query_pairs},
};
use crate::{Digest, manifest::OCI_INDEX};

/// Tags in one answer, whatever is asked for.
const MAX_PAGE: usize = 1000;

/// `GET …/tags/list?n=&last=`: in order; a `Link` header leads to the next page.
pub async fn tags(
    registry: &Registry,
    repository: String,
    request: Request,
) -> Result<Response, RegistryError> {
    let query = query_pairs(request.uri().query().unwrap_or_default());
    let page = parameter(&query, "n").and_then(|n| n.parse().ok()).unwrap_or(MAX_PAGE).min(MAX_PAGE);
    let last = parameter(&query, "last").unwrap_or_default();
    let name = repository.clone();
    let tags = registry.store.run(move |store| store.tags(&name)).await?;
    let tags = tags.ok_or_else(|| {
        RegistryError::new(axum::http::StatusCode::NOT_FOUND, "NAME_UNKNOWN", "no such repository")
    })?;
    let mut rest = tags.into_iter().filter(|tag| *tag > last);
    let tags: Vec<String> = rest.by_ref().take(page).collect();
    let link = tags
        .last()
        .filter(|_| rest.next().is_some())
        .map(|last| format!("</v2/{repository}/tags/list?n={page}&last={last}>; rel=\"next\""));
    let mut response = Json(json!({"name": repository, "tags": tags})).into_response();
    if let Some(link) = link.and_then(|text| HeaderValue::from_str(&text).ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// `GET …/referrers/<digest>?artifactType=`: an index of what names this manifest as its subject.
pub async fn referrers(
    registry: &Registry,
    repository: String,
    digest: Digest,
    request: Request,
) -> Result<Response, RegistryError> {
    let query = query_pairs(request.uri().query().unwrap_or_default());
    let wanted = parameter(&query, "artifactType");
    let mut found = registry.store.run(move |store| store.referrers(&repository, &digest)).await?;
    if let Some(wanted) = &wanted {
        found.retain(|descriptor| descriptor.artifact_type.as_ref() == Some(wanted));
    }
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found});
    let mut response = Json(index).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(OCI_INDEX));
    if wanted.is_some() {
        response.headers_mut().insert("oci-filters-applied", HeaderValue::from_static("artifactType"));
    }
    Ok(response)
}
