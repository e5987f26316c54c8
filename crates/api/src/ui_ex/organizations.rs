//! Organizations.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use roost_records::OrgRecord;
use serde::Serialize;

use crate::{
    api::Api,
    auth::{Caller, OrgRight},
    error::Result,
    orgs,
};

#[derive(Serialize)]
pub struct Organization {
    id: String,
    internal_numeric_id: u64,
    slug: String,
    raw_slug: String,
    name: String,
    personal: bool,
    /// Nobody pays here: nothing is kept for those who do, and bills are always settled.
    paid_plan: bool,
    billable: bool,
    billing_status: &'static str,
    provisions_beta_extensions: bool,
    /// No app builds images here.
    remote_builder_image: &'static str,
}

#[derive(Serialize)]
pub struct OrganizationList {
    organizations: Vec<Organization>,
}

#[derive(Serialize)]
pub struct OneOrganization {
    organization: Organization,
}

pub async fn list(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
) -> Json<OrganizationList> {
    let orgs = orgs::list(&api, &caller);
    Json(OrganizationList { organizations: orgs.iter().map(|org| shown(org)).collect() })
}

pub async fn get(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(slug): Path<String>,
) -> Result<Json<OneOrganization>> {
    let org = orgs::find(&api, &caller, &slug, OrgRight::See)?;
    Ok(Json(OneOrganization { organization: shown(&org) }))
}

fn shown(org: &OrgRecord) -> Organization {
    Organization {
        internal_numeric_id: org.number,
        personal: orgs::is_personal(org),
        id: org.slug.clone(),
        raw_slug: org.slug.clone(),
        slug: org.slug.clone(),
        name: org.name.clone(),
        paid_plan: true,
        billable: true,
        billing_status: "CURRENT",
        provisions_beta_extensions: false,
        remote_builder_image: "",
    }
}
