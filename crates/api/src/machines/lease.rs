//! Leases: the right to change a machine, for a while.

use axum::{Extension, Json, http::StatusCode};
use roost_api_types::{Done, LeaseAnswer, LeaseRequest};
use roost_host_api::LeaseRequest as HostLeaseRequest;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    auth::Caller,
    error::Result,
    http::{Body, MachinePath, Params},
};

/// Seconds, when the caller does not say.
const DEFAULT_TTL: u32 = 30;

#[derive(Deserialize, JsonSchema)]
pub struct LeaseQuery {
    ttl: Option<u32>,
}

/// Takes a lease; with the nonce of the one that is held, refreshes it.
pub async fn take_lease(
    Extension(caller): Extension<Caller>,
    path: MachinePath,
    Params(query): Params<LeaseQuery>,
    Body(body): Body<LeaseRequest>,
) -> Result<(StatusCode, Json<LeaseAnswer>)> {
    let request = HostLeaseRequest {
        description: body.description,
        owner: caller.name,
        ttl_secs: query.ttl.or(body.ttl).filter(|ttl| *ttl > 0).unwrap_or(DEFAULT_TTL),
        nonce: path.nonce.clone(),
    };
    let lease = path.host.take_lease(&path.machine.id, &request).await?;
    Ok((StatusCode::CREATED, Json(lease.into())))
}

pub async fn get_lease(path: MachinePath) -> Result<Json<LeaseAnswer>> {
    Ok(Json(path.host.lease(&path.machine.id).await?.into()))
}

pub async fn release_lease(path: MachinePath) -> Result<Json<Done>> {
    path.host.release_lease(&path.machine.id, path.nonce.as_deref().unwrap_or_default()).await?;
    Ok(Json(Done::OK))
}
