//! Addresses of apps.

use async_trait::async_trait;
use roost_api_types::{AddressType, AssignAddress};
use roost_graphql::{
    Answer, ID,
    platform::{Addresses, NewAddress},
    scalar::Iso8601DateTime,
    types::{
        address::{IpAddress, IpAddressType, Network},
        app::App,
    },
};
use roost_records::{AddressKind, AddressRecord, AppRecord};

use super::Session;
use crate::{
    addresses,
    auth::{AppRight, OrgRight},
    orgs,
};

#[async_trait]
impl Addresses for Session {
    /// Without the shared IPv4 address, which clients ask for by itself.
    async fn addresses(&self, app: &App) -> Answer<Vec<IpAddress>> {
        let app = self.app_with(app, AppRight::Read).await?;
        let given = addresses::addresses_of(&self.api, &app).await?;
        let listed = given.into_iter().filter(|address| address.kind != AddressKind::SharedV4);
        Ok(listed.map(|address| self.address_shown(address)).collect())
    }

    async fn shared_address(&self, app: &App) -> Answer<Option<String>> {
        let app = self.app_with(app, AppRight::Read).await?;
        let given = addresses::addresses_of(&self.api, &app).await?;
        let shared = given.into_iter().find(|address| address.kind == AddressKind::SharedV4);
        Ok(shared.map(|address| address.ip.to_string()))
    }

    async fn allocate_address(&self, app: &App, new: NewAddress) -> Answer<IpAddress> {
        let app = self.app_with(app, AppRight::Write).await?;
        let NewAddress { kind, region, organization, network, service_name } = new;
        // Whoever lets an app into a network decides about that network as well.
        let org_slug = match organization.as_str() {
            "" => organization,
            key => orgs::find(&self.api, &self.caller, key, OrgRight::Write)?.slug.clone(),
        };
        let asked = AssignAddress { r#type: asked(kind), region, org_slug, network, service_name };
        Ok(self.address_shown(addresses::give(&self.api, &app, &asked).await?))
    }

    async fn release_address(&self, app: &App, address: &str) -> Answer<()> {
        let app = self.app_with(app, AppRight::Write).await?;
        Ok(addresses::take_back(&self.api, &app, address).await?)
    }
}

impl Session {
    async fn app_with(&self, app: &App, right: AppRight) -> Answer<AppRecord> {
        let app = self.app_record(&app.name).await?;
        self.caller.check_app(right, &app)?;
        Ok(app)
    }

    fn address_shown(&self, record: AddressRecord) -> IpAddress {
        let address = record.ip.to_string();
        IpAddress {
            id: ID(address.clone()),
            address,
            kind: match record.kind {
                AddressKind::SharedV4 => IpAddressType::SharedV4,
                AddressKind::SharedV6 => IpAddressType::V6,
                AddressKind::PrivateV6 => IpAddressType::PrivateV6,
            },
            region: Some(record.region).filter(|region| !region.is_empty()),
            created_at: Iso8601DateTime(record.created_at),
            network: record.network.and_then(|(org, name)| self.network_shown(&org, name)),
            service_name: Some(record.service_name).filter(|name| !name.is_empty()),
        }
    }

    /// Nothing of a network whose org the caller does not see.
    fn network_shown(&self, org: &str, name: String) -> Option<Network> {
        let org = orgs::find(&self.api, &self.caller, org, OrgRight::See).ok()?;
        Some(Network { id: ID(name.clone()), name, organization: self.organization_shown(&org) })
    }
}

fn asked(kind: IpAddressType) -> AddressType {
    match kind {
        IpAddressType::V4 => AddressType::V4,
        IpAddressType::V6 => AddressType::V6,
        IpAddressType::PrivateV6 => AddressType::PrivateV6,
        IpAddressType::SharedV4 => AddressType::SharedV4,
    }
}
