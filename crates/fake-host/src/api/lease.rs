//! Leases.

use axum::{
    Json,
    extract::{Path, Query, State},
};
use roost_host_api::{ErrorBody, ErrorCode, Lease, LeaseRequest};
use serde::Deserialize;

use super::{Answer, Host, Id};
use crate::machines::new_lease;

pub async fn take(State(host): Host, Path(id): Id, Json(request): Json<LeaseRequest>) -> Answer<Lease> {
    host.check_lease(&id, request.nonce.as_deref())?;
    let lease = new_lease(request, host.get(&id)?.instance_id.to_string());
    host.set_lease(&id, Some(lease.clone()))?;
    Ok(Json(lease))
}

pub async fn get(State(host): Host, Path(id): Id) -> Answer<Lease> {
    let missing = || ErrorBody { code: ErrorCode::LeaseNotFound, message: "lease not found".to_owned() };
    Ok(Json(host.lease(&id)?.ok_or_else(missing)?))
}

#[derive(Deserialize)]
pub struct ReleaseQuery {
    nonce: String,
}

pub async fn release(State(host): Host, Path(id): Id, Query(query): Query<ReleaseQuery>) -> Answer<()> {
    host.check_lease(&id, Some(&query.nonce))?;
    host.set_lease(&id, None)?;
    Ok(Json(()))
}
