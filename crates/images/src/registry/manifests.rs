//! Manifests, by tag or digest.

use axum::{
    body::to_bytes,
    extract::Request,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    Registry,
    error::RegistryError,
    path::Reference,
    store::{Put, StoredManifest},
};
use crate::{Digest, limits::MAX_MANIFEST_BYTES, manifest::Document};

/// `GET` and `HEAD`; the server drops the body of the latter's answer.
pub async fn read(
    registry: &Registry,
    repository: String,
    reference: Reference,
) -> Result<Response, RegistryError> {
    let found = registry.store.run(move |store| store.manifest(&repository, &reference)).await?;
    let StoredManifest { digest, media_type, bytes } = found.ok_or_else(RegistryError::manifest_unknown)?;
    let headers = [
        (header::CONTENT_TYPE.as_str(), media_type),
        (header::ETAG.as_str(), format!("\"{digest}\"")),
        ("docker-content-digest", digest.to_string()),
    ];
    Ok((headers, bytes).into_response())
}

/// `PUT`: taken only when everything that it refers to is in the repository.
pub async fn write(
    registry: &Registry,
    repository: String,
    reference: Reference,
    request: Request,
) -> Result<Response, RegistryError> {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, MAX_MANIFEST_BYTES as usize).await.map_err(|_| {
        RegistryError::too_large(format!("a manifest may have at most {MAX_MANIFEST_BYTES} bytes"))
    })?;
    let digest = Digest::of(&bytes);
    if let Reference::Digest(expected) = &reference
        && *expected != digest
    {
        let message = format!("the manifest that arrived has the digest {digest}");
        return Err(RegistryError::new(StatusCode::BAD_REQUEST, "DIGEST_INVALID", message));
    }
    let document =
        Document::parse(&bytes).map_err(|error| RegistryError::manifest_invalid(error.to_string()))?;
    let claimed = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = document.media_type().to_owned();
    if claimed.is_some_and(|claimed| claimed != media_type) {
        return Err(RegistryError::manifest_invalid(format!(
            "Content-Type is not the manifest's type {media_type}"
        )));
    }
    let subject = document.subject().map(|subject| subject.digest);
    let to = repository.clone();
    let put = registry
        .store
        .run(move |store| store.put_manifest(&to, &reference, &document, digest, &media_type, &bytes))
        .await?;
    if let Put::Missing(missing) = put {
        let message = format!("the repository has no blob {missing}; push it before the manifest");
        return Err(RegistryError::new(StatusCode::NOT_FOUND, "MANIFEST_BLOB_UNKNOWN", message));
    }
    let headers = [
        ("location", format!("/v2/{repository}/manifests/{digest}")),
        ("docker-content-digest", digest.to_string()),
    ];
    let mut response = (StatusCode::CREATED, headers).into_response();
    if let Some(subject) = subject {
        response.headers_mut().insert("oci-subject", subject.to_string().parse().expect("a digest is ASCII"));
    }
    Ok(response)
}

/// `DELETE`: a tag alone, or a manifest with all its tags.
pub async fn delete(
    registry: &Registry,
    repository: String,
    reference: Reference,
) -> Result<Response, RegistryError> {
    let was_there = registry.store.run(move |store| store.delete_manifest(&repository, &reference)).await?;
    if was_there { Ok(StatusCode::ACCEPTED.into_response()) } else { Err(RegistryError::manifest_unknown()) }
}
