//! Reading and deleting blobs.

use std::io::SeekFrom;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::{Registry, error::RegistryError};
use crate::Digest;

/// Bytes read from the disk at once.
const CHUNK: usize = 64 << 10;

/// `GET` and `HEAD`, with one range at most.
pub async fn read(
    registry: &Registry,
    repository: String,
    digest: Digest,
    request: Request,
) -> Result<Response, RegistryError> {
    let file = registry.store.run(move |store| store.open_blob(&repository, &digest)).await?;
    let file = file.ok_or_else(RegistryError::blob_unknown)?;
    let mut file = tokio::fs::File::from_std(file);
    let total = file.metadata().await?.len();
    let range = range(request.headers(), total)?;
    let (start, length) = range.unwrap_or((0, total));
    let status = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let body = if request.method() == Method::HEAD {
        Body::empty()
    } else {
        file.seek(SeekFrom::Start(start)).await?;
        Body::from_stream(ReaderStream::with_capacity(file.take(length), CHUNK))
    };
    let mut response = (
        status,
        [
            (header::CONTENT_TYPE.as_str(), "application/octet-stream".to_owned()),
            (header::CONTENT_LENGTH.as_str(), length.to_string()),
            (header::ACCEPT_RANGES.as_str(), "bytes".to_owned()),
            (header::ETAG.as_str(), format!("\"{digest}\"")),
            ("docker-content-digest", digest.to_string()),
        ],
        body,
    )
        .into_response();
    if range.is_some() {
        let text = format!("bytes {start}-{}/{total}", start + length - 1);
        response.headers_mut().insert(header::CONTENT_RANGE, text.parse().expect("digits and signs"));
    }
    Ok(response)
}

/// Start and length of `Range: bytes=a-b`; other forms get the whole blob, as HTTP allows.
fn range(headers: &HeaderMap, total: u64) -> Result<Option<(u64, u64)>, RegistryError> {
    let Some(text) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else {
        return Ok(None);
    };
    let Some((from, to)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Ok(None);
    };
    let Ok(start) = from.parse::<u64>() else { return Ok(None) };
    let end = if to.is_empty() { Some(u64::MAX) } else { to.parse::<u64>().ok() };
    let Some(end) = end.filter(|&end| end >= start) else { return Ok(None) };
    if start >= total {
        let message = format!("the blob has {total} bytes");
        return Err(RegistryError::new(StatusCode::RANGE_NOT_SATISFIABLE, "SIZE_INVALID", message));
    }
    Ok(Some((start, end.min(total - 1) - start + 1)))
}

pub async fn delete(
    registry: &Registry,
    repository: String,
    digest: Digest,
) -> Result<Response, RegistryError> {
    let was_there = registry.store.run(move |store| store.unlink_blob(&repository, &digest)).await?;
    if was_there { Ok(StatusCode::ACCEPTED.into_response()) } else { Err(RegistryError::blob_unknown()) }
}
