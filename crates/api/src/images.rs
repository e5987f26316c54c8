//! What an image reference means.

use std::sync::Arc;

use async_trait::async_trait;
use axum::{Extension, Json, extract::State};
use roost_api_types::{ErrorCode, ResolveImage, ResolvedImage};
use roost_images::{ImageError, ImageStore, Resolved};
use roost_model::{AppName, ImageRef};

use crate::{
    api::Api,
    auth::{AppRight, Caller},
    error::{ApiError, Result},
    http::Body,
    openapi::{Routes, call, post},
};

pub fn routes() -> Routes {
    let resolve = call("Images_resolve", "What an image reference means now");
    Routes::new().at("/v1/images/resolve", post(resolve, self::resolve))
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

/// What a reference means for this caller. An image in the platform's own registry is of the app whose
/// name its repository has: who may not read that app, to them it is not there. The answer names that
/// registry the one way that every host knows, whatever the caller calls it.
pub async fn resolve_for(api: &Api, caller: &Caller, image: &ImageRef) -> Result<Resolved> {
    let is_own = api.config.is_own_registry(&image.registry);
    if is_own && !caller.administers_server() {
        let name = image.repository.split('/').next().unwrap_or_default();
        let app = match name.parse::<AppName>() {
            Ok(name) => api.store.find_app(&name).await?,
            Err(_) => None,
        };
        if !app.is_some_and(|app| caller.may_app(AppRight::Read, &app)) {
            let message = format!("{image} is not there: it would be an image of the app \"{name}\"");
            return Err(ApiError::new(ErrorCode::ImageUnavailable, message));
        }
    }
    match is_own {
        true => {
            let registry = api.config.registry.clone();
            Ok(api.images.resolve(&ImageRef { registry, ..image.clone() }).await?)
        }
        false => Ok(api.images.resolve(image).await?),
    }
}

pub async fn resolve(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Body(body): Body<ResolveImage>,
) -> Result<Json<ResolvedImage>> {
    let image: ImageRef = body.image.parse().map_err(|e| ApiError::invalid(format!("{e}")))?;
    let Resolved { image, config, labels, transfer_bytes } = resolve_for(&api, &caller, &image).await?;
    let exposed_ports = config.exposed_ports;
    Ok(Json(ResolvedImage { image, labels, exposed_ports, size_bytes: transfer_bytes }))
}
