//! Machines: as much of them as documents read; the Machines API has the rest.

use async_graphql::{ComplexObject, Context, ID, Result, SimpleObject};
use serde_json::Value;

use super::{address::EgressIpAddress, app::App, page::Connection};
use crate::{platform::platform, scalar::Iso8601DateTime};

#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub struct Machine {
    pub id: ID,
    pub name: String,
    pub state: String,
    pub region: String,
    pub instance_id: String,
    pub config: Value,
    pub host: Host,
    pub created_at: Iso8601DateTime,
    pub updated_at: Iso8601DateTime,
    #[graphql(skip)]
    pub private_ip: String,
    #[graphql(skip)]
    pub app_name: String,
}

#[derive(Debug, Clone, SimpleObject)]
pub struct Host {
    pub id: ID,
}

#[derive(Debug, Clone, SimpleObject)]
#[graphql(name = "MachineIP")]
pub struct MachineIp {
    pub id: ID,
    /// `v6`
    pub family: String,
    /// `privatenet`: the address in the app's private network.
    pub kind: String,
    pub ip: String,
    pub mask_size: i32,
}

/// Bits of the prefix that is a machine's own.
const MASK_SIZE: i32 = 112;

#[ComplexObject]
impl Machine {
    async fn app(&self, context: &Context<'_>) -> Result<App> {
        Ok(platform(context).app(&self.app_name).await?)
    }

    async fn ips(&self, first: Option<i32>) -> Connection<MachineIp> {
        let _ = first;
        let ip = self.private_ip.clone();
        let private = MachineIp {
            id: ID(format!("{}-{ip}", self.id.as_str())),
            family: "v6".to_owned(),
            kind: "privatenet".to_owned(),
            ip,
            mask_size: MASK_SIZE,
        };
        vec![private].into()
    }

    async fn egress_ip_addresses(&self, first: Option<i32>) -> Connection<EgressIpAddress> {
        let _ = first;
        Connection::from(Vec::new())
    }
}
