//! Which address an app gets.

use std::net::IpAddr;

use jiff::Timestamp;
use roost_api_types::{AddressType, AssignAddress};
use roost_directory::{Compare, Txn};
use roost_model::{NetworkId, addr::AppAddress};
use roost_records::{AddressKind, AddressRecord, AppRecord, DEFAULT_NETWORK, key};

use crate::{
    api::Api,
    error::{ApiError, Result},
    store::{MAX_TRIES, put},
};

/// Gives an address and records it; one that the app already has is given again, unchanged.
pub async fn give(api: &Api, app: &AppRecord, asked: &AssignAddress) -> Result<AddressRecord> {
    for _ in 0..MAX_TRIES {
        let mut address = AddressRecord {
            ip: IpAddr::from([0; 4]),
            kind: AddressKind::SharedV4,
            region: asked.region.clone(),
            service_name: asked.service_name.clone(),
            network: None,
            created_at: Timestamp::now(),
        };
        (address.kind, address.ip) = match asked.r#type {
            AddressType::SharedV4 => (AddressKind::SharedV4, public(api, IpAddr::is_ipv4, "IPv4")?),
            AddressType::V6 => (AddressKind::SharedV6, public(api, IpAddr::is_ipv6, "IPv6")?),
            AddressType::V4 => return Err(no_v4_of_its_own()),
            AddressType::PrivateV6 => {
                let (org, name) = network_of(app, asked);
                let network = api.store.network_named(&org, &name).await?;
                address.network = Some((org, name));
                (AddressKind::PrivateV6, private(app, network)?)
            }
        };
        let key = key::address(&app.name, address.ip);
        if let Some(given) = api.store.get::<AddressRecord>(&key).await? {
            return Ok(given.record);
        }
        let txn = Txn::always([put(&key, &address)])
            .when(Compare::absent(&key))
            .when(Compare::present(key::app(&app.name)));
        if api.store.txn(txn).await?.succeeded {
            tracing::info!(app = %app.name, ip = %address.ip, "address given");
            return Ok(address);
        }
        api.store.app(&app.name).await?;
    }
    Err(ApiError::contended())
}

/// Gives an app that is released for the first time the public addresses that there are, unless somebody has given it
/// some before: what it is to be reached at has been said then.
pub async fn give_first(api: &Api, app: &AppRecord) -> Result<()> {
    if app.current_release.is_some() || !super::addresses_of(api, app).await?.is_empty() {
        return Ok(());
    }
    for r#type in [AddressType::SharedV4, AddressType::V6] {
        let family = if r#type == AddressType::V6 { IpAddr::is_ipv6 } else { IpAddr::is_ipv4 };
        if api.config.public_addresses.iter().any(family) {
            give(api, app, &AssignAddress::of(r#type)).await?;
        }
    }
    Ok(())
}

fn public(api: &Api, family: fn(&IpAddr) -> bool, name: &str) -> Result<IpAddr> {
    api.config.public_addresses.iter().copied().find(family).ok_or_else(|| {
        ApiError::unsupported(format!(
            "this server knows no public {name} address of its own; name it in roost.toml, [edge] public_addresses, or deploy without public addresses (--no-public-ips, --flycast)"
        ))
    })
}

fn no_v4_of_its_own() -> ApiError {
    ApiError::unsupported(
        "v4: this server has no IPv4 address for one app alone; ask for shared_v4, which tells apps apart by their host names".to_owned(),
    )
}

/// Org and name of the network that is to reach a private address.
fn network_of(app: &AppRecord, asked: &AssignAddress) -> (String, String) {
    let org = if asked.org_slug.is_empty() { &app.org } else { &asked.org_slug };
    let network = match &*asked.network {
        "" if *org == app.org => &app.network_name,
        "" => DEFAULT_NETWORK,
        network => network,
    };
    (org.clone(), network.to_owned())
}

fn private(app: &AppRecord, network: NetworkId) -> Result<IpAddr> {
    let number = u32::try_from(app.number);
    let number = number.map_err(|_| ApiError::internal("the app's number does not fit an address"))?;
    Ok(AppAddress { network, app: number }.ip().into())
}
