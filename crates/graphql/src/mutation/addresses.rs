//! Giving addresses to apps, and taking them back.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use crate::{
    Code, Refusal,
    platform::{NewAddress, platform},
    types::{
        address::{IpAddress, IpAddressType},
        app::App,
    },
};

#[derive(Default)]
pub struct AddressChanges;

#[derive(InputObject)]
#[graphql(name = "AllocateIPAddressInput")]
struct Allocate {
    client_mutation_id: Option<String>,
    app_id: ID,
    #[graphql(name = "type")]
    kind: IpAddressType,
    region: Option<String>,
    organization_id: Option<ID>,
    network: Option<String>,
    service_name: Option<String>,
}

#[derive(SimpleObject)]
#[graphql(name = "AllocateIPAddressPayload")]
struct Allocated {
    client_mutation_id: Option<String>,
    app: App,
    /// Absent for a shared address: it is the app's `sharedIpAddress`.
    ip_address: Option<IpAddress>,
}

#[derive(InputObject)]
#[graphql(name = "ReleaseIPAddressInput")]
struct Release {
    client_mutation_id: Option<String>,
    app_id: Option<ID>,
    ip_address_id: Option<ID>,
    ip: Option<String>,
}

#[derive(SimpleObject)]
#[graphql(name = "ReleaseIPAddressPayload")]
struct Released {
    client_mutation_id: Option<String>,
    app: App,
}

#[derive(InputObject)]
#[graphql(name = "AllocateEgressIPAddressInput")]
struct AllocateEgress {
    client_mutation_id: Option<String>,
    app_id: ID,
    machine_id: Option<ID>,
    region: Option<String>,
}

#[derive(SimpleObject)]
#[graphql(name = "AllocateEgressIPAddressPayload")]
struct AllocatedEgress {
    client_mutation_id: Option<String>,
    v4: String,
    v6: String,
}

#[derive(InputObject)]
#[graphql(name = "ReleaseEgressIPAddressInput")]
struct ReleaseEgress {
    client_mutation_id: Option<String>,
    app_id: ID,
    machine_id: Option<ID>,
    ip: Option<String>,
}

#[derive(SimpleObject)]
#[graphql(name = "ReleaseEgressIPAddressPayload")]
struct ReleasedEgress {
    client_mutation_id: Option<String>,
    v4: Option<String>,
    v6: Option<String>,
}

#[Object]
impl AddressChanges {
    async fn allocate_ip_address(&self, context: &Context<'_>, input: Allocate) -> Result<Option<Allocated>> {
        let app = platform(context).app(&input.app_id).await?;
        let new = NewAddress {
            kind: input.kind,
            region: input.region.unwrap_or_default(),
            organization: input.organization_id.map(|id| id.0).unwrap_or_default(),
            network: input.network.unwrap_or_default(),
            service_name: input.service_name.unwrap_or_default(),
        };
        let address = platform(context).allocate_address(&app, new).await?;
        let ip_address = (input.kind != IpAddressType::SharedV4).then_some(address);
        Ok(Some(Allocated { client_mutation_id: input.client_mutation_id, app, ip_address }))
    }

    async fn release_ip_address(&self, context: &Context<'_>, input: Release) -> Result<Option<Released>> {
        let need =
            |argument: &str| Refusal::new(Code::Invalid, format!("releaseIpAddress needs `{argument}`"));
        let app = platform(context).app(&input.app_id.ok_or_else(|| need("appId"))?).await?;
        // The id of an address is the address.
        let address = input.ip.or(input.ip_address_id.map(|id| id.0)).ok_or_else(|| need("ip"))?;
        platform(context).release_address(&app, &address).await?;
        Ok(Some(Released { client_mutation_id: input.client_mutation_id, app }))
    }

    async fn allocate_egress_ip_address(
        &self,
        context: &Context<'_>,
        input: AllocateEgress,
    ) -> Result<Option<AllocatedEgress>> {
        platform(context).app(&input.app_id).await?;
        Err(no_egress().into())
    }

    async fn release_egress_ip_address(
        &self,
        context: &Context<'_>,
        input: ReleaseEgress,
    ) -> Result<Option<ReleasedEgress>> {
        platform(context).app(&input.app_id).await?;
        Err(no_egress().into())
    }
}

fn no_egress() -> Refusal {
    let message = "this platform gives no egress addresses: machines speak from their host's address";
    Refusal::new(Code::Unprocessable, message)
}
