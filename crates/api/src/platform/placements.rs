//! Where machines would go, without making them.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Extension, Json, extract::State};
use roost_api_types::{Placement, PlacementList, PlacementRequest};
use roost_model::{Guest, Region};

use super::{RegionChoice, fit::machines_that_fit};
use crate::{
    api::Api,
    auth::{Caller, OrgRight},
    error::{ApiError, Result},
    http::Body,
    orgs,
};

/// Size of machines whose size is not given.
const DEFAULT_SIZE: &str = "performance-1x";

/// What may be weighed.
const WEIGHTS: [&str; 2] = ["region", "spread"];

/// Room on the hosts of a region.
#[derive(Default)]
struct Room {
    machines: u64,
    hosts: u64,
}

pub async fn placements(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Body(asked): Body<PlacementRequest>,
) -> Result<Json<PlacementList>> {
    check(&api, &caller, &asked)?;
    let guest = match asked.compute {
        Some(guest) => guest,
        None => Guest::preset(DEFAULT_SIZE)?,
    };
    guest.validate().map_err(|e| ApiError::invalid(format!("compute: {e}")))?;
    let choices = RegionChoice::list(&asked.region)?;

    let mut rooms: BTreeMap<Region, Room> = BTreeMap::new();
    for host in api.hosts.introductions().await.into_iter().flatten() {
        let fitting = machines_that_fit(host.free, &guest);
        if fitting > 0 {
            let room = rooms.entry(host.region).or_default();
            (room.machines, room.hosts) = (room.machines + fitting, room.hosts + 1);
        }
    }
    Ok(Json(PlacementList { regions: spread(rooms, &choices, asked.count) }))
}

fn check(api: &Api, caller: &Caller, asked: &PlacementRequest) -> Result<()> {
    if !asked.org_slug.is_empty() {
        orgs::find(api, caller, &asked.org_slug, OrgRight::See)?;
    }
    let mut names = asked.weights.iter().flat_map(BTreeMap::keys);
    match names.find(|name| !WEIGHTS.contains(&name.as_str())) {
        Some(name) => Err(ApiError::invalid(format!(
            "weights: there is no weight \"{name}\", there are: {}",
            WEIGHTS.join(", ")
        ))),
        None => Ok(()),
    }
}

/// Fills the regions in the order of the choices; with a count of 0 says what fits in each.
fn spread(mut rooms: BTreeMap<Region, Room>, choices: &[RegionChoice], count: u64) -> Vec<Placement> {
    let mut placements = Vec::new();
    let mut left = if count == 0 { u64::MAX } else { count };
    for choice in choices {
        let regions: Vec<Region> = rooms.keys().filter(|region| choice.covers(region)).cloned().collect();
        for region in regions {
            if left == 0 {
                return placements;
            }
            let room = rooms.remove(&region).unwrap_or_default();
            let here = room.machines.min(left);
            placements.push(Placement { region, count: here, concurrency: room.hosts });
            if count > 0 {
                left -= here;
            }
        }
    }
    placements
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread_over(machines: &[(&str, u64)], list: &str, count: u64) -> Vec<(String, u64)> {
        let rooms = machines
            .iter()
            .map(|(region, machines)| (region.parse().unwrap(), Room { machines: *machines, hosts: 1 }))
            .collect();
        let placements = spread(rooms, &RegionChoice::list(list).unwrap(), count);
        placements.into_iter().map(|p| (p.region.to_string(), p.count)).collect()
    }

    #[test]
    fn the_first_choice_is_filled_first() {
        let rooms = [("ams", 2), ("ewr", 5), ("fra", 4)];
        let pairs = |list: &[(&str, u64)]| list.iter().map(|(r, n)| (r.to_string(), *n)).collect::<Vec<_>>();
        assert_eq!(spread_over(&rooms, "fra,any", 5), pairs(&[("fra", 4), ("ams", 1)]));
        assert_eq!(spread_over(&rooms, "eu", 0), pairs(&[("ams", 2), ("fra", 4)]));
        assert_eq!(spread_over(&rooms, "syd", 1), pairs(&[]));
    }
}
