//! Apps: create, list, show, delete.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{Extension, Json, extract::State, http::StatusCode};
use roost_api_types::{App, AppList, AppStatus, CreateApp, ErrorCode, Organization};
use roost_host_api::{DestroyMachine, ErrorCode as HostCode, HostClient, Machine};
use roost_model::{AppName, MachineState, VolumeState};
use roost_records::{AppRecord, DEFAULT_NETWORK, OrgRecord, PERSONAL_ORG};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    addresses::{self, Audience},
    api::Api,
    audit,
    auth::{AppRight, Caller, OrgRight},
    error::{ApiError, Result},
    http::{AppPath, Body, Params},
    openapi::{Routes, call, get},
    orgs,
};

/// Roles that clients give to apps.
const POSTGRES: &str = "postgres_cluster";
const REMOTE_BUILDER: &str = "remote-docker-builder";

/// How long a delete waits for the app's machines to be gone; past it, it goes on in the background.
const DELETE_WAIT: Duration = Duration::from_secs(60);

pub fn routes() -> Routes {
    Routes::new()
        .at(
            "/v1/apps",
            get(call("Apps_list", "The apps that the caller may see"), list)
                .post(call("Apps_create", "Make an app").answers(201).or_fails(&[404]), create),
        )
        .at(
            "/v1/apps/{app_name}",
            get(call("Apps_show", "An app"), show)
                .delete(call("Apps_delete", "Delete an app with all that is its").answers(202), delete),
        )
}

pub async fn create(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Body(body): Body<CreateApp>,
) -> Result<(StatusCode, Extension<audit::About>, Json<App>)> {
    let name: AppName = body.name.parse().map_err(|e| ApiError::invalid(format!("{e}")))?;
    let org = if body.org_slug.is_empty() { PERSONAL_ORG } else { &body.org_slug };
    let org = orgs::find(&api, &caller, org, OrgRight::Write)?;
    let network = body.network.filter(|n| !n.is_empty()).unwrap_or_else(|| DEFAULT_NETWORK.to_owned());
    check_network_name(&network)?;
    check_role(&body.app_role_id)?;
    if body.enable_subdomains {
        return Err(ApiError::unsupported("enable_subdomains: an app has one name here; leave the key out"));
    }
    let record = api.store.create_app(&name, &org.slug, &network, &body.app_role_id).await?;
    tracing::info!(app = %name, "app created");
    let about = audit::About { org: Some(org.slug.clone()), app: Some(name.to_string()), action: None };
    Ok((StatusCode::CREATED, Extension(about), Json(shown(&api, &record, &org, Counts::default()))))
}

#[derive(Deserialize, JsonSchema)]
pub struct ListQuery {
    #[serde(default)]
    org_slug: String,
    #[serde(default)]
    app_role: String,
}

/// Those that the caller may see.
pub async fn list(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Params(query): Params<ListQuery>,
) -> Result<Json<AppList>> {
    let mut counts: HashMap<AppName, Counts> = HashMap::new();
    for host in api.hosts.all() {
        for machine in host.machines(None).await?.iter().filter(|m| !m.state.is_gone()) {
            counts.entry(machine.app.clone()).or_default().machines += 1;
        }
        for volume in host.volumes(None).await?.iter().filter(|v| v.state != VolumeState::PendingDestroy) {
            counts.entry(volume.app.clone()).or_default().volumes += 1;
        }
    }
    let (orgs, audiences) = (api.store.orgs().await?, addresses::audiences(&api).await?);
    let mut apps = Vec::new();
    for record in api.store.apps().await? {
        let other = |asked: &str, own: &str| !asked.is_empty() && asked != own;
        if other(&query.org_slug, &record.org) || other(&query.app_role, &record.role) {
            continue;
        }
        if !caller.may_app(AppRight::See, &record) {
            continue;
        }
        let Some(org) = orgs.iter().find(|org| org.slug == record.org) else {
            return Err(ApiError::no_org(&record.org));
        };
        let count = counts.get(&record.name).copied().unwrap_or_default();
        let url = url_of(&api, &record, audiences.of(&record.name));
        apps.push(App { url, ..shown(&api, &record, org, count) });
    }
    Ok(Json(AppList { total_apps: apps.len() as u64, apps }))
}

pub async fn show(State(api): State<Arc<Api>>, AppPath(record): AppPath) -> Result<Json<App>> {
    let org = api.store.org(&record.org).await?;
    let machines = api.hosts.host().machines(Some(&record.name)).await?;
    let volumes = api.hosts.host().volumes(Some(&record.name)).await?;
    let counts = Counts {
        machines: machines.iter().filter(|m| !m.state.is_gone()).count() as u64,
        volumes: volumes.iter().filter(|v| v.state != VolumeState::PendingDestroy).count() as u64,
    };
    let url = url_of(&api, &record, addresses::audience_of(&api, &record.name).await?);
    Ok(Json(App { url, ..shown(&api, &record, &org, counts) }))
}

/// Destroys the app's machines and forgets the app. Repeatable; what a crash leaves is finished
/// later (see [`finish_deletions`]).
pub async fn delete(State(api): State<Arc<Api>>, AppPath(record): AppPath) -> Result<StatusCode> {
    api.store.check_no_deploy(&record.name).await?;
    api.store
        .update_app(&record.name, |app| {
            app.deleting = true;
            Ok(())
        })
        .await?;
    // A deploy that began in between holds the app's record unchanged, or its lock is seen now.
    api.store.check_no_deploy(&record.name).await?;
    delete_marked(&api, &record.name).await?;
    tracing::info!(app = %record.name, "app deleted");
    Ok(StatusCode::ACCEPTED)
}

/// Goes on with deletions that were cut short.
pub async fn finish_deletions(api: &Api) -> Result<()> {
    for app in api.store.apps().await?.into_iter().filter(|app| app.deleting) {
        delete_marked(api, &app.name).await?;
    }
    Ok(())
}

async fn delete_marked(api: &Api, app: &AppName) -> Result<()> {
    for host in api.hosts.all() {
        for machine in host.machines(Some(app)).await? {
            destroy(host, &machine).await?;
        }
        host.forget_volumes(app).await?;
    }
    api.store.remove_app(app).await
}

async fn destroy(host: &HostClient, machine: &Machine) -> Result<()> {
    if machine.state == MachineState::Destroyed {
        return Ok(());
    }
    let request = DestroyMachine { force: true, source: "user".to_owned(), lease_nonce: None };
    let destroyed = match host.destroy(&machine.id, &request).await {
        Ok(_) => host.wait(&machine.id, MachineState::Destroyed, None, DELETE_WAIT).await,
        Err(error) => Err(error),
    };
    match destroyed {
        Err(error) if error.code() != Some(HostCode::MachineNotFound) => Err(error.into()),
        _ => Ok(()),
    }
}

/// What an app has on the hosts.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    machines: u64,
    volumes: u64,
}

/// Where the app answers.
pub fn url_of(api: &Api, app: &AppRecord, to: Audience) -> String {
    match to {
        Audience::Networks => format!("http://{}.flycast", app.name),
        Audience::Everybody => api.config.url_of(&app.name),
    }
}

fn shown(api: &Api, app: &AppRecord, org: &OrgRecord, counts: Counts) -> App {
    App {
        id: id_of(app),
        internal_numeric_id: app.number,
        name: app.name.clone(),
        organization: Organization {
            name: org.name.clone(),
            slug: org.slug.clone(),
            internal_numeric_id: org.number,
        },
        network: app.network_name.clone(),
        network_cidr: format!("{}/48", app.network.prefix()),
        status: match status_of(app) {
            AppStatus::Deployed if counts.machines == 0 => AppStatus::Suspended,
            status => status,
        },
        machine_count: counts.machines,
        volume_count: counts.volumes,
        current_release: app.current_release,
        url: api.config.url_of(&app.name),
        cname_target: format!("{}.{}", app.name, api.config.base_domain),
        app_role: app.role.clone(),
    }
}

/// Nothing was deployed before a release was complete.
pub fn status_of(app: &AppRecord) -> AppStatus {
    if app.current_release.is_some() { AppStatus::Deployed } else { AppStatus::Pending }
}

fn check_role(role: &str) -> Result<()> {
    match role {
        "" | POSTGRES => Ok(()),
        // Clients make a builder app unasked; what they build with instead is said here.
        REMOTE_BUILDER => Err(ApiError::unsupported(
            "app_role_id: this server runs no remote builders; build with --local-only, or with a buildkitd that --buildkit-addr or BUILDKIT_ADDR names",
        )),
        _ => Err(ApiError::invalid(format!(
            "app_role_id: unknown role \"{role}\"; leave it empty, or \"{POSTGRES}\""
        ))),
    }
}

/// The id under which clients know the app; it stays when the name is given to another.
pub fn id_of(app: &AppRecord) -> String {
    format!("app_{}", app.number)
}

fn check_network_name(name: &str) -> Result<()> {
    match name.parse::<AppName>() {
        Ok(_) => Ok(()),
        Err(error) => Err(ApiError::new(
            ErrorCode::InvalidRequest,
            format!("invalid network name \"{name}\": {}", error.reason),
        )),
    }
}
