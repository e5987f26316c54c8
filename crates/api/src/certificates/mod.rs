//! Names of an app's own and their certificates: requested, brought along, checked, removed.
//!
//! Responsible for: the records, whether a certificate and its key fit the name, and what the name's DNS lacks.
//! Not responsible for: having certificates issued (`acme`), and serving them, which is the edge's.

mod custom;
mod dns;
mod shown;
mod store;

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use roost_api_types::{CertificateDetail, CertificateList, ErrorCode, ImportCertificate, RequestCertificate};
use roost_model::AppName;
use roost_records::{AppRecord, CertificateRecord, DnsFindings, Issuing, key};
use roost_routing::is_within;
use schemars::JsonSchema;
use serde::Deserialize;

use self::custom::CustomError;
pub use self::dns::system_resolvers;
pub(crate) use self::{custom::Leaf, shown::DNS_NOT_CONFIGURED};
use crate::{
    acme::{self, Ways},
    api::Api,
    error::{ApiError, Result},
    http::{AppPath, Body, Params},
    openapi::{Routes, call, delete, get, post},
};

/// Entries of a page, unless the caller wants another number.
const PAGE: usize = 25;
const MAX_PAGE: usize = 500;

/// Longest host name (RFC 1035), and longest part of one.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

pub fn routes() -> Routes {
    const ALL: &str = "/v1/apps/{app_name}/certificates";
    const ONE: &str = "/v1/apps/{app_name}/certificates/{hostname}";
    let request = call("App_Certificates_acme_create", "Add a name that a certificate is to be issued for");
    let import = call("App_Certificates_custom_create", "Add a certificate of one's own");
    let check = call("App_Certificates_check", "Look a name up in DNS, and say what it lacks");
    Routes::new()
        .at(ALL, get(call("App_Certificates_list", "The app's own names, in pages"), list))
        .at(&format!("{ALL}/acme"), post(request.answers(201), self::request))
        .at(&format!("{ALL}/custom"), post(import.answers(201), self::import))
        .at(
            ONE,
            get(call("App_Certificates_show", "A name of the app's own"), show)
                .delete(call("App_Certificates_delete", "Give a name back").answers(204), remove_all),
        )
        .at(
            &format!("{ONE}/acme"),
            delete(call("App_Certificates_acme_delete", "Have no certificate issued any more"), delete_acme),
        )
        .at(
            &format!("{ONE}/custom"),
            delete(
                call("App_Certificates_custom_delete", "Remove a certificate of one's own"),
                delete_custom,
            ),
        )
        .at(&format!("{ONE}/check"), post(check, self::check))
}

#[derive(Deserialize, JsonSchema)]
pub struct ListQuery {
    /// Only names that contain this.
    #[serde(default)]
    filter: String,
    #[serde(default)]
    cursor: String,
    limit: Option<usize>,
}

pub async fn list(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Params(query): Params<ListQuery>,
) -> Result<Json<CertificateList>> {
    let after = read_cursor(&query.cursor)?;
    let limit = query.limit.filter(|limit| *limit > 0).unwrap_or(PAGE).min(MAX_PAGE);
    let mut records = api.store.certificates(&app.name).await?;
    records.retain(|record| record.hostname.contains(&query.filter.to_lowercase()));
    let total_count = records.len() as u64;
    records.retain(|record| record.hostname > after);
    let more = records.len() > limit;
    records.truncate(limit);
    let next_cursor = match records.last() {
        Some(last) if more => BASE64_URL_SAFE_NO_PAD.encode(&last.hostname),
        _ => String::new(),
    };
    let certificates = records.iter().map(|record| shown::summary(&api, &app, record)).collect();
    Ok(Json(CertificateList { certificates, next_cursor, total_count }))
}

pub async fn request(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Body(body): Body<RequestCertificate>,
) -> Result<(StatusCode, Json<CertificateDetail>)> {
    let hostname = own_name(&api, &body.hostname)?;
    let record =
        api.store.add_certificate(&app.name, &hostname, |record| record.acme_requested = true).await?;
    api.acme.wake();
    Ok((StatusCode::CREATED, Json(shown::detail(&api, &app, &record))))
}

pub async fn import(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Body(body): Body<ImportCertificate>,
) -> Result<(StatusCode, Json<CertificateDetail>)> {
    let hostname = own_name(&api, &body.hostname)?;
    let mut custom = custom::check(&hostname, &body.fullchain, &body.private_key)?;
    custom.sealed_key = api.master_key.seal(&context(&app.name, &hostname), body.private_key.as_bytes());
    let record =
        api.store.add_certificate(&app.name, &hostname, |record| record.custom = Some(custom.clone()));
    Ok((StatusCode::CREATED, Json(shown::detail(&api, &app, &record.await?))))
}

pub async fn show(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Path((_, hostname)): Path<(String, String)>,
) -> Result<Json<CertificateDetail>> {
    let record = api.store.certificate(&app.name, &hostname.to_lowercase()).await?;
    Ok(Json(shown::detail(&api, &app, &record)))
}

/// Looks the name up, and remembers what was found.
pub async fn check(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Path((_, hostname)): Path<(String, String)>,
) -> Result<Json<CertificateDetail>> {
    let hostname = hostname.to_lowercase();
    api.store.certificate(&app.name, &hostname).await?;
    let (found, ways) = ways(&api, &app.name, &hostname).await?;
    let changed = api.store.change_certificate(&app.name, &hostname, |record| {
        record.dns = Some(found.clone());
        // What kept the issuer from trying is mended.
        let waits_for_dns = record.issuing.failure.as_ref().is_some_and(|f| f.code == DNS_NOT_CONFIGURED);
        if waits_for_dns && (ways.leads_here || ways.by_dns) {
            record.issuing = Issuing::default();
        }
    });
    let record = changed.await?.ok_or_else(|| no_name(&app.name, &hostname))?;
    api.acme.wake();
    let dns_records = Some(shown::records(&found));
    Ok(Json(CertificateDetail { dns_records, ..shown::detail(&api, &app, &record) }))
}

pub async fn remove_all(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Path((_, hostname)): Path<(String, String)>,
) -> Result<StatusCode> {
    remove(&api, &app, &hostname, |record| {
        forget_issued(record);
        record.custom = None;
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn delete_acme(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Path((_, hostname)): Path<(String, String)>,
) -> Result<Json<CertificateDetail>> {
    let record = remove(&api, &app, &hostname, forget_issued).await?;
    Ok(Json(shown::detail(&api, &app, &record)))
}

pub async fn delete_custom(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Path((_, hostname)): Path<(String, String)>,
) -> Result<Json<CertificateDetail>> {
    let record = remove(&api, &app, &hostname, |record| record.custom = None).await?;
    let warning = match record.acme_requested {
        true if record.issued.is_some() => format!("{} has the issued certificate now", record.hostname),
        true => format!("{} has no certificate until one is issued", record.hostname),
        false => format!("{} has no certificate now, and is the app's no longer", record.hostname),
    };
    Ok(Json(CertificateDetail { warning: Some(warning), ..shown::detail(&api, &app, &record) }))
}

fn forget_issued(record: &mut CertificateRecord) {
    record.acme_requested = false;
    record.issued = None;
    record.issuing = Issuing::default();
}

/// What DNS says of a name now, and how it can be proven to an authority.
pub(crate) async fn ways(api: &Api, app: &AppName, hostname: &str) -> Result<(DnsFindings, Ways)> {
    let app = api.store.app(app).await?.record;
    let found = dns::look_up(hostname, &api.config.resolvers).await;
    let leads_here = shown::leads_here(api, &app, hostname, &found);
    let challenge = acme::dns_challenge(&api.config, &app.name, hostname);
    let by_dns = challenge.is_some_and(|(_, target)| found.acme_challenge_cname == Some(target));
    Ok((found, Ways { leads_here, by_handshake: api.config.edge_speaks_tls, by_dns }))
}

/// Removes a part; a name with nothing left is given back.
async fn remove(
    api: &Api,
    app: &AppRecord,
    hostname: &str,
    change: impl Fn(&mut CertificateRecord),
) -> Result<CertificateRecord> {
    let hostname = hostname.to_lowercase();
    let before = api.store.certificate(&app.name, &hostname).await?;
    let left = api.store.change_certificate(&app.name, &hostname, &change).await?;
    Ok(left.unwrap_or_else(|| {
        let mut record = before;
        change(&mut record);
        record.updated_at = Timestamp::now();
        record
    }))
}

/// The key opens only for the record that it was sealed for: the edge knows it by its place.
fn context(app: &AppName, hostname: &str) -> String {
    key::certificate(app, hostname)
}

/// A host name that an app can have: none of those that are apps' already by their own names.
fn own_name(api: &Api, text: &str) -> Result<String> {
    let name = host_name(text)?;
    let base_domain = &api.config.base_domain;
    match is_within(&name, base_domain) {
        false => Ok(name),
        true => Err(ApiError::invalid(format!(
            "hostname: \"{name}\" is below {base_domain}, where every app has its name already; use a domain of your own"
        ))),
    }
}

/// A name that could be in DNS, in lower case; `*` only as the whole first label.
fn host_name(text: &str) -> Result<String> {
    let name = text.trim().trim_end_matches('.').to_ascii_lowercase();
    let labels = name.strip_prefix("*.").unwrap_or(&name);
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    match name.len() <= MAX_NAME && labels.contains('.') && labels.split('.').all(label) {
        true => Ok(name),
        false => Err(ApiError::invalid(format!(
            "hostname: \"{text}\" is no host name such as www.example.com or *.example.com"
        ))),
    }
}

fn read_cursor(cursor: &str) -> Result<String> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| ApiError::invalid("cursor: is none of this call's; leave it out for the first page"))
}

fn no_name(app: &AppName, hostname: &str) -> ApiError {
    let message = format!("app \"{app}\" has no certificate for \"{hostname}\"");
    ApiError::new(ErrorCode::NotFound, message)
}

impl From<CustomError> for ApiError {
    fn from(error: CustomError) -> Self {
        Self::new(ErrorCode::InvalidCertificate, error.to_string())
    }
}
