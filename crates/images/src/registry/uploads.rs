//! Uploads of blobs: at once, in chunks, or by mounting what another repository has.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use tokio::io::AsyncWriteExt;

use super::{Access, Registry, access, error::RegistryError, store::Upload};
use crate::Digest;

/// Largest blob. Images with layers of more are refused by the hosts anyway.
const MAX_BLOB_BYTES: u64 = 10 << 30;

/// `POST …/blobs/uploads/`: begins an upload. With `mount` and `from` nothing is sent at all if the
/// other repository has the blob; with `digest` the body is the whole blob.
pub async fn begin(
    registry: &Registry,
    repository: String,
    request: Request,
) -> Result<Response, RegistryError> {
    let query = query_pairs(request.uri().query().unwrap_or_default());
    if let (Some(digest), Some(from)) = (parameter(&query, "mount"), parameter(&query, "from")) {
        let digest: Digest = digest.parse().map_err(RegistryError::digest)?;
        let may_read = access::check(registry, request.headers(), Some(&from), Access::Pull).await.is_ok();
        let is_name = roost_model::image_ref::check_repository(&from).is_ok();
        if may_read && is_name && mount(registry, from, repository.clone(), digest).await? {
            return Ok(created(&repository, &digest));
        }
    }
    let to = repository.clone();
    let id = registry.store.run(move |store| store.begin_upload(&to)).await?;
    match parameter(&query, "digest") {
        Some(digest) => complete(registry, repository, id, &digest, request).await,
        None => Ok(progress(StatusCode::ACCEPTED, &repository, &id, 0)),
    }
}

async fn mount(registry: &Registry, from: String, to: String, digest: Digest) -> Result<bool, RegistryError> {
    Ok(registry.store.run(move |store| store.mount_blob(&from, &to, &digest)).await?)
}

/// `PATCH`: the next chunk. `Content-Range` is optional; when it is there it must continue the upload.
pub async fn append(
    registry: &Registry,
    repository: String,
    id: String,
    request: Request,
) -> Result<Response, RegistryError> {
    let mut upload = open(registry, &repository, &id).await?;
    if let Some(start) = content_range_start(request.headers())
        && start != upload.size
    {
        let message = format!("the upload continues at byte {}", upload.size);
        let error = RegistryError::new(StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID", message);
        let mut response = error.into_response();
        response
            .headers_mut()
            .extend(progress(StatusCode::OK, &repository, &id, upload.size).headers().clone());
        return Ok(response);
    }
    receive(&mut upload, request.into_body()).await?;
    Ok(progress(StatusCode::ACCEPTED, &repository, &id, upload.size))
}

/// `PUT ?digest=`: the last chunk, if any, and the name of it all.
pub async fn finish(
    registry: &Registry,
    repository: String,
    id: String,
    request: Request,
) -> Result<Response, RegistryError> {
    let query = query_pairs(request.uri().query().unwrap_or_default());
    let digest = parameter(&query, "digest").unwrap_or_default();
    complete(registry, repository, id, &digest, request).await
}

async fn complete(
    registry: &Registry,
    repository: String,
    id: String,
    digest: &str,
    request: Request,
) -> Result<Response, RegistryError> {
    let digest: Digest = digest.parse().map_err(RegistryError::digest)?;
    let mut upload = open(registry, &repository, &id).await?;
    receive(&mut upload, request.into_body()).await?;
    let to = repository.clone();
    let found = registry.store.run(move |store| store.finish_upload(&to, upload, &digest)).await?;
    if found != digest {
        let message = format!("the bytes that arrived have the digest {found}");
        return Err(RegistryError::new(StatusCode::BAD_REQUEST, "DIGEST_INVALID", message));
    }
    Ok(created(&repository, &digest))
}

pub async fn status(registry: &Registry, repository: String, id: String) -> Result<Response, RegistryError> {
    let (of, upload) = (repository.clone(), id.clone());
    let size = registry.store.run(move |store| Ok(store.upload_size(&of, &upload))).await??;
    Ok(progress(StatusCode::NO_CONTENT, &repository, &id, size))
}

pub async fn cancel(registry: &Registry, repository: String, id: String) -> Result<Response, RegistryError> {
    let upload = open(registry, &repository, &id).await?;
    registry.store.run(move |store| store.cancel_upload(upload)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn open(registry: &Registry, repository: &str, id: &str) -> Result<Upload, RegistryError> {
    let (repository, id) = (repository.to_owned(), id.to_owned());
    registry.store.run(move |store| Ok(store.open_upload(&repository, &id))).await?
}

/// Appends a body as it arrives. What came before a broken connection stays, to be continued.
async fn receive(upload: &mut Upload, body: Body) -> Result<(), RegistryError> {
    let mut stream = body.into_data_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| {
            RegistryError::new(
                StatusCode::BAD_REQUEST,
                "BLOB_UPLOAD_INVALID",
                format!("the body broke off: {error}"),
            )
        })?;
        upload.size += chunk.len() as u64;
        if upload.size > MAX_BLOB_BYTES {
            return Err(RegistryError::too_large(format!("a blob may have at most {MAX_BLOB_BYTES} bytes")));
        }
        upload.file.write_all(&chunk).await?;
    }
    Ok(upload.file.flush().await?)
}

fn content_range_start(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    text.trim_start_matches("bytes ").split('-').next()?.parse().ok()
}

fn created(repository: &str, digest: &Digest) -> Response {
    let headers = [
        ("location", format!("/v2/{repository}/blobs/{digest}")),
        ("docker-content-digest", digest.to_string()),
    ];
    (StatusCode::CREATED, headers).into_response()
}

fn progress(status: StatusCode, repository: &str, id: &str, size: u64) -> Response {
    let headers = [
        ("location", format!("/v2/{repository}/blobs/uploads/{id}")),
        ("range", format!("0-{}", size.saturating_sub(1))),
        ("docker-upload-uuid", id.to_owned()),
    ];
    (status, headers).into_response()
}

/// The pairs of a query string, decoded.
pub fn query_pairs(query: &str) -> Vec<(String, String)> {
    serde_urlencoded::from_str(query).unwrap_or_default()
}

pub fn parameter(query: &[(String, String)], name: &str) -> Option<String> {
    query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
}
