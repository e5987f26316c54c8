//! Addresses that an app answers on, or speaks from.

use async_graphql::{Enum, ID, SimpleObject};

use super::organization::Organization;
use crate::scalar::Iso8601DateTime;

#[derive(Debug, Clone, SimpleObject)]
#[graphql(name = "IPAddress")]
pub struct IpAddress {
    pub id: ID,
    pub address: String,
    #[graphql(name = "type")]
    pub kind: IpAddressType,
    pub region: Option<String>,
    pub created_at: Iso8601DateTime,
    /// Of a private address: the network that reaches it.
    pub network: Option<Network>,
    pub service_name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "IPAddressType", rename_items = "snake_case")]
pub enum IpAddressType {
    V4,
    V6,
    PrivateV6,
    SharedV4,
}

#[derive(Debug, Clone, SimpleObject)]
pub struct Network {
    pub id: ID,
    pub name: String,
    pub organization: Organization,
}

/// An address that only one app speaks from. Machines speak from their host's address here, so
/// there are none.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(name = "EgressIPAddress")]
pub struct EgressIpAddress {
    pub id: ID,
    pub ip: String,
    pub version: i32,
    pub region: String,
    pub updated_at: Iso8601DateTime,
}
