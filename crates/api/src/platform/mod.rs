//! Where machines can be: the regions with hosts in them, and what fits there.

mod fit;
mod place;
mod placements;
mod regions;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

pub use self::place::{RegionChoice, place_of};
use crate::api::Api;

pub fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/v1/platform/regions", get(regions::regions))
        .route("/v1/platform/placements", post(placements::placements))
}
