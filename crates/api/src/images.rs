//! What an image reference means.

use std::sync::Arc;

use async_trait::async_trait;
use axum::{Json, Router, extract::State, routing::post};
use roost_api_types::{ResolveImage, ResolvedImage};
use roost_images::{ImageError, ImageStore, Resolved};
use roost_model::ImageRef;

use crate::{
    api::Api,
    error::{ApiError, Result},
    http::Body,
};

pub fn routes() -> Router<Arc<Api>> {
    Router::new().route("/v1/images/resolve", post(resolve))
}

/// Asks registries. A seam, so that tests need none.
#[async_trait]
pub trait ImageResolver: Send + Sync {
    /// Pins the reference to the digest that it means now.
    async fn resolve(&self, image: &ImageRef) -> Result<Resolved, ImageError>;
}

#[async_trait]
impl ImageResolver for ImageStore {
    async fn resolve(&self, image: &ImageRef) -> Result<Resolved, ImageError> {
        ImageStore::resolve(self, image).await
    }
}

pub async fn resolve(
    State(api): State<Arc<Api>>,
    Body(body): Body<ResolveImage>,
) -> Result<Json<ResolvedImage>> {
    let image: ImageRef = body.image.parse().map_err(|e| ApiError::invalid(format!("{e}")))?;
    let Resolved { image, config, labels, transfer_bytes } = api.images.resolve(&image).await?;
    let exposed_ports = config.exposed_ports;
    Ok(Json(ResolvedImage { image, labels, exposed_ports, size_bytes: transfer_bytes }))
}
