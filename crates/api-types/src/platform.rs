//! Where machines can be, and how many more of them.

use std::collections::BTreeMap;

use roost_model::{Guest, Region};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct RegionList {
    pub regions: Vec<RegionInfo>,
    /// Code of the one that answers.
    pub nearest: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RegionInfo {
    pub code: Region,
    pub name: String,
    pub latitude: f64,
    pub longitude: f64,
    pub gateway_available: bool,
    pub requires_paid_plan: bool,
    pub deprecated: bool,
    /// `europe`, `north_america`, ...; `other` when the code says nothing of the place.
    pub geo_region: String,
    /// Machines of the size asked for (else of the smallest) that still fit.
    pub capacity: u64,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PlacementRequest {
    /// Size of the machines; `performance-1x` when absent.
    pub compute: Option<Guest>,
    /// Regions and groups of them, the best first; wherever there is room when empty.
    pub region: String,
    /// Machines to place; 0: as many as fit in each region.
    pub count: u64,
    /// Of no effect: a volume is made where its machine is placed.
    pub volume_name: String,
    pub volume_size_bytes: u64,
    /// Only their names are checked: the order of the regions decides.
    pub weights: Option<BTreeMap<String, i64>>,
    pub org_slug: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct PlacementList {
    pub regions: Vec<Placement>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Placement {
    pub region: Region,
    /// Machines that go there.
    pub count: u64,
    /// Hosts that they would be on.
    pub concurrency: u64,
}
