//! What image references mean.

use async_trait::async_trait;
use roost_graphql::{
    Answer, Code, ID, Refusal,
    platform::Images,
    scalar::BigInt,
    types::{
        app::App,
        image::{Image, ImageVersion},
    },
};
use roost_images::Resolved;
use roost_model::ImageRef;

use super::Session;
use crate::images;

#[async_trait]
impl Images for Session {
    async fn image(&self, app: &App, reference: &str) -> Answer<Image> {
        let _ = app;
        let asked: ImageRef = reference
            .parse()
            .map_err(|e| Refusal::new(Code::Invalid, format!("the image can not be looked for: {e}")))?;
        let resolved = images::resolve_for(&self.api, &self.caller, &asked).await?;
        let Resolved { image, transfer_bytes, .. } = resolved;
        let digest = image.digest.clone().unwrap_or_default();
        Ok(Image {
            id: ID(digest.clone()),
            // flyctl's `deploy` takes the reference alone, its `machine run` puts the digest behind it: one that
            // is pinned must stay so for the former, and must not be pinned twice by the latter.
            digest: if asked.digest.is_some() { String::new() } else { digest },
            reference: asked.to_string(),
            absolute_ref: image.to_string(),
            registry: image.registry,
            repository: image.repository,
            tag: image.tag,
            compressed_size_full: BigInt(transfer_bytes),
            manifest: None,
        })
    }

    async fn image_of_release(&self, app: &App, version: u64) -> Answer<ImageVersion> {
        let ImageRef { registry, repository, tag, digest } =
            self.api.store.release(&self.readable(app).await?, version).await?.image;
        let (tag, digest) = (tag.unwrap_or_default(), digest.unwrap_or_default());
        Ok(ImageVersion { registry, repository, tag, digest, version: None })
    }
}
