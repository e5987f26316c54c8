//! Creating machines and giving them a new configuration.

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use roost_api_types::{ErrorCode, Machine, MachineInput};
use roost_host_api::{CreateMachine, HostInfo, LeaseRequest, MachineSpec, ReserveRequest, UpdateMachine};
use roost_model::{ImageRef, MachineConfig, MachineId};
use roost_records::AppRecord;

use super::name_for;
use crate::{
    api::Api,
    auth::Caller,
    error::{ApiError, Result},
    http::{AppPath, Body, MachinePath},
    images, ports, secrets,
};

/// A create follows its reservation at once; a lost one need not block room for long.
const RESERVATION_SECS: u32 = 60;

pub async fn create(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    AppPath(app): AppPath,
    Body(input): Body<MachineInput>,
) -> Result<Json<Machine>> {
    if app.deleting {
        return Err(ApiError::new(ErrorCode::WrongState, format!("app \"{}\" is being deleted", app.name)));
    }
    check_keys(&input)?;
    let guest = input.config.guest()?;
    ports::claim(&api, &app.name, &input.config.services).await?;
    let image = images::resolve_for(&api, &caller, &image_of(&input.config)?).await?.image;
    let (host, info) = api.hosts.place(input.region.as_deref()).await?;
    // A machine that sleeps takes nothing that another could use.
    let reservation = match input.skip_launch {
        true => None,
        false => {
            let request = ReserveRequest { app: app.name.clone(), guest, ttl_secs: RESERVATION_SECS };
            Some(host.reserve(&request).await?.id)
        }
    };
    let id = MachineId::generate();
    let machine = host
        .create(&CreateMachine {
            name: input.name.clone().filter(|n| !n.is_empty()).unwrap_or_else(|| name_for(&id)),
            id,
            network: app.network,
            region: info.region.clone(),
            spec: spec(&api, &app, &info, &input, image).await?,
            reservation,
            skip_launch: input.skip_launch,
            cordoned: input.skip_service_registration,
            lease: lease(&caller, &input),
            volume_keep: Default::default(),
            source: "user".to_owned(),
            app: app.name,
        })
        .await?;
    Ok(Json(machine.into()))
}

pub async fn update(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    path: MachinePath,
    Body(input): Body<MachineInput>,
) -> Result<Json<Machine>> {
    check_keys(&input)?;
    input.config.guest()?;
    ports::claim(&api, &path.app.name, &input.config.services).await?;
    check_region(&path, &input)?;
    let before = &path.machine;
    let image = if input.config.image.is_empty() || input.config.image == before.config.image {
        before.image.clone()
    } else {
        images::resolve_for(&api, &caller, &image_of(&input.config)?).await?.image
    };
    let info = path.host.host().await?;
    let request = UpdateMachine {
        spec: spec(&api, &path.app, &info, &input, image).await?,
        name: input.name.clone().filter(|name| !name.is_empty()),
        current_version: input.current_version,
        skip_launch: input.skip_launch,
        lease_nonce: path.nonce.clone(),
        lease: lease(&caller, &input),
        source: "user".to_owned(),
    };
    Ok(Json(path.host.update(&before.id, &request).await?.into()))
}

fn check_keys(input: &MachineInput) -> Result<()> {
    match input.lsvd {
        true => Err(ApiError::unsupported("lsvd: there are no such disks; use a volume")),
        false => Ok(()),
    }
}

/// The lease that a client takes in the same call.
fn lease(caller: &Caller, input: &MachineInput) -> Option<LeaseRequest> {
    let owner = caller.name.clone();
    input.lease_ttl.map(|ttl_secs| LeaseRequest { description: String::new(), owner, ttl_secs, nonce: None })
}

fn image_of(config: &MachineConfig) -> Result<ImageRef> {
    if config.image.is_empty() {
        return Err(ApiError::invalid("config.image is missing: name the image that the machine is to run"));
    }
    config.image.parse().map_err(|e| ApiError::invalid(format!("config.image: {e}")))
}

/// A machine stays where it is; clients send the region along all the same.
fn check_region(path: &MachinePath, input: &MachineInput) -> Result<()> {
    match &input.region {
        Some(region) if !region.is_empty() && *region != path.machine.region.as_str() => {
            Err(ApiError::invalid(format!(
                "machine {} is in region {} and can not move to {region}; create one there and destroy this one",
                path.machine.id, path.machine.region
            )))
        }
        _ => Ok(()),
    }
}

async fn spec(
    api: &Api,
    app: &AppRecord,
    host: &HostInfo,
    input: &MachineInput,
    image: ImageRef,
) -> Result<MachineSpec> {
    let newest = api.store.newest_secrets(&app.name).await?;
    secrets::at_least(&newest, input.min_secrets_version)?;
    let sealed = if input.skip_secrets { None } else { secrets::seal_for_host(api, &newest, host)? };
    let config = MachineConfig { image: image.to_string(), ..input.config.clone() };
    let config = if input.config.image.is_empty() { config } else { input.config.clone() };
    Ok(MachineSpec { config, image, sealed_secrets: sealed, secrets_version: newest.version })
}
