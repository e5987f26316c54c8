//! Addresses that apps are given.
//!
//! Responsible for: which ones there are to give, and the records of those given. Not responsible for: what
//! answers on them, which is the edge. The public ones are its own, shared by all apps, whose host names tell them apart.

mod give;

use std::{collections::HashSet, net::IpAddr, sync::Arc};

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::StatusCode,
};
use roost_api_types::{Address, AddressList, AssignAddress, ErrorCode};
use roost_directory::{Compare, Op, Txn};
use roost_model::AppName;
use roost_records::{AddressRecord, AppRecord, Stored, key};

pub use self::give::{give, give_first};
use crate::{
    api::Api,
    auth::{Caller, OrgRight},
    error::{ApiError, Result},
    http::{AppPath, Body},
    openapi::{Routes, call, delete, get},
    orgs,
};

pub fn routes() -> Routes {
    Routes::new()
        .at(
            "/v1/apps/{app_name}/ip_assignments",
            get(call("App_IPAssignments_list", "The addresses of an app"), list)
                .post(call("App_IPAssignments_create", "Give an app an address"), assign),
        )
        .at(
            "/v1/apps/{app_name}/ip_assignments/{ip}",
            delete(call("App_IPAssignments_delete", "Take an address back").answers(204), release),
        )
}

pub async fn list(State(api): State<Arc<Api>>, AppPath(app): AppPath) -> Result<Json<AddressList>> {
    let given = addresses_of(&api, &app).await?;
    Ok(Json(AddressList { ips: given.into_iter().map(shown).collect() }))
}

pub async fn assign(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    AppPath(app): AppPath,
    Body(body): Body<AssignAddress>,
) -> Result<Json<Address>> {
    // Whoever lets an app into a network decides about that network as well.
    if !body.org_slug.is_empty() && body.org_slug != app.org {
        orgs::find(&api, &caller, &body.org_slug, OrgRight::Write)?;
    }
    Ok(Json(shown(give(&api, &app, &body).await?)))
}

pub async fn release(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Path((_, ip)): Path<(String, String)>,
) -> Result<StatusCode> {
    take_back(&api, &app, &ip).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What an app has, in the order of the addresses.
pub async fn addresses_of(api: &Api, app: &AppRecord) -> Result<Vec<AddressRecord>> {
    given_to(api, &app.name).await
}

async fn given_to(api: &Api, app: &AppName) -> Result<Vec<AddressRecord>> {
    let records = api.store.list::<AddressRecord>(&key::addresses(app)).await?;
    Ok(records.into_iter().map(|stored| stored.record).collect())
}

/// Who reaches an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    Everybody,
    /// Private networks alone: it was given addresses, and none that is public.
    Networks,
}

/// Who reaches each app, as of one moment.
pub struct Audiences {
    private: HashSet<String>,
}

impl Audiences {
    pub fn of(&self, app: &AppName) -> Audience {
        match self.private.contains(app.as_str()) {
            true => Audience::Networks,
            false => Audience::Everybody,
        }
    }
}

/// Of all apps.
pub async fn audiences(api: &Api) -> Result<Audiences> {
    audiences_below(api, key::ADDRESSES).await
}

pub async fn audience_of(api: &Api, app: &AppName) -> Result<Audience> {
    Ok(audiences_below(api, &key::addresses(app)).await?.of(app))
}

async fn audiences_below(api: &Api, prefix: &str) -> Result<Audiences> {
    let (mut private, mut public) = (HashSet::new(), HashSet::new());
    for Stored { key, record, .. } in api.store.list::<AddressRecord>(prefix).await? {
        let app = key.split('/').nth(1).unwrap_or_default().to_owned();
        match record.kind.is_shared() {
            true => public.insert(app),
            false => private.insert(app),
        };
    }
    private.retain(|app| !public.contains(app));
    Ok(Audiences { private })
}

/// Forgets that the app has an address.
pub async fn take_back(api: &Api, app: &AppRecord, ip: &str) -> Result<()> {
    let unknown = || {
        let message = format!("app \"{}\" has no address {ip}; list its ip_assignments", app.name);
        ApiError::new(ErrorCode::NotFound, message)
    };
    let key = key::address(&app.name, ip.parse::<IpAddr>().map_err(|_| unknown())?);
    let txn = Txn::always([Op::delete(&key)]).when(Compare::present(&key));
    match api.store.txn(txn).await?.succeeded {
        true => Ok(()),
        false => Err(unknown()),
    }
}

fn shown(record: AddressRecord) -> Address {
    let shared = record.kind.is_shared();
    let AddressRecord { ip, region, service_name, created_at, .. } = record;
    Address { ip, region, service_name, shared, created_at }
}
