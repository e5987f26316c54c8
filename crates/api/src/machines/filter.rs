//! Which machines a list is to hold: the filters that all lists of machines share.

use std::{borrow::Cow, collections::BTreeMap};

use roost_host_api::Machine;
use roost_model::MachineState;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::error::{ApiError, Result};

/// Prefix of query keys that filter by metadata.
const METADATA: &str = "metadata.";

/// The query of a list: keys with a name of their own, and one for each key of the metadata.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Query(BTreeMap<String, String>);

impl JsonSchema for Query {
    fn schema_name() -> Cow<'static, str> {
        "MachinesQuery".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "properties": {
            "include_deleted": { "type": "boolean", "description": "Also those that are destroyed" },
            "region": { "type": "string", "description": "Only of these regions, separated by commas" },
            "state": { "type": "string", "description": "Only in these states, separated by commas" },
            "summary": { "type": "boolean", "description": "Without what is long: configurations, checks, events" },
        } })
    }
}

impl Query {
    /// A value that is there and not empty.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }
}

pub struct Filter {
    include_deleted: bool,
    /// Only these; all when empty.
    regions: Vec<String>,
    states: Vec<MachineState>,
    metadata: Vec<(String, String)>,
    /// Leave out what is long: configurations, checks, events.
    pub summary: bool,
}

impl Filter {
    pub fn read(Query(query): &Query) -> Result<Self> {
        let items = |key: &str| {
            let list = query.get(key).map_or("", String::as_str);
            list.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned)
        };
        let states: Result<Vec<MachineState>> = items("state").map(|state| state_of(&state)).collect();
        let mut states = states?;
        // Some clients send the state alone, as a key without a value.
        let alone = query.iter().filter(|(_, value)| value.is_empty());
        states.extend(alone.filter_map(|(key, _)| key.parse::<MachineState>().ok()));
        let metadata = query
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(METADATA)?.to_owned(), value.clone())));
        Ok(Self {
            include_deleted: flag(query, "include_deleted")?,
            regions: items("region").collect(),
            states,
            metadata: metadata.collect(),
            summary: flag(query, "summary")?,
        })
    }

    pub fn takes(&self, machine: &Machine) -> bool {
        let state = machine.state;
        let wanted = match self.states.is_empty() {
            true => self.include_deleted || !state.is_gone(),
            false => self.states.contains(&state),
        };
        wanted
            && (self.regions.is_empty()
                || self.regions.iter().any(|region| region == machine.region.as_str()))
            && self.metadata.iter().all(|(key, value)| machine.config.metadata.get(key) == Some(value))
    }
}

fn flag(query: &BTreeMap<String, String>, key: &str) -> Result<bool> {
    match query.get(key).map(String::as_str) {
        None | Some("false" | "0") => Ok(false),
        Some("" | "true" | "1") => Ok(true),
        Some(other) => Err(ApiError::invalid(format!("{key}: \"{other}\" is neither true nor false"))),
    }
}

fn state_of(text: &str) -> Result<MachineState> {
    text.parse().map_err(|e| ApiError::invalid(format!("state: {e}")))
}
