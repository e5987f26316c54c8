//! Where machines can be: the regions with hosts in them, and what fits there.

mod fit;
mod place;
mod placements;
mod regions;

pub use self::place::{RegionChoice, place_of};
use crate::openapi::{Routes, call, get, post};

pub fn routes() -> Routes {
    let placements = call("Platform_placements_post", "Where machines would go, without making them");
    Routes::new()
        .at(
            "/v1/platform/regions",
            get(
                call("Platform_regions_get", "The regions that have hosts, and what fits there"),
                regions::regions,
            ),
        )
        .at("/v1/platform/placements", post(placements.or_fails(&[404]), placements::placements))
}
