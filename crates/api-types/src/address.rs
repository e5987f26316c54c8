//! Addresses of apps.

use std::net::IpAddr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Body of an assignment. Clients send every key, often empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AssignAddress {
    pub r#type: AddressType,
    #[serde(default)]
    pub region: String,
    /// The org whose network reaches a private address; the app's own when empty.
    #[serde(default)]
    pub org_slug: String,
    /// That network; the app's own when empty.
    #[serde(default)]
    pub network: String,
    #[serde(default)]
    pub service_name: String,
}

impl AssignAddress {
    /// For everywhere and all services; a private one on the app's own network.
    pub fn of(kind: AddressType) -> Self {
        Self {
            r#type: kind,
            region: String::new(),
            org_slug: String::new(),
            network: String::new(),
            service_name: String::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AddressType {
    V4,
    V6,
    SharedV4,
    PrivateV6,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Address {
    pub ip: IpAddr,
    pub region: String,
    pub service_name: String,
    /// Other apps have it too; the host name of a request says which one is meant.
    pub shared: bool,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct AddressList {
    pub ips: Vec<Address>,
}
