//! Addresses that an app was given.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Record;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressRecord {
    pub ip: IpAddr,
    pub kind: AddressKind,
    /// Where it was asked for; empty: everywhere.
    pub region: String,
    /// Of the one service that it is for; empty: of all.
    #[serde(default)]
    pub service_name: String,
    /// Org and name of the network that reaches a private address.
    #[serde(default)]
    pub network: Option<(String, String)>,
    pub created_at: Timestamp,
}

impl Record for AddressRecord {}

/// What there is to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressKind {
    /// An IPv4 address of the platform, the same for all apps.
    SharedV4,
    /// An IPv6 address of the platform, the same for all apps.
    SharedV6,
    /// The app's own on a private network.
    PrivateV6,
}

impl AddressKind {
    pub fn is_shared(self) -> bool {
        matches!(self, Self::SharedV4 | Self::SharedV6)
    }
}
