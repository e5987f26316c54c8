//! Organizations.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use roost_records::{OrgRecord, key};
use serde::Serialize;

use crate::{api::Api, error::Result, orgs};

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

pub async fn list(State(api): State<Arc<Api>>) -> Result<Json<OrganizationList>> {
    let orgs = api.store.list::<OrgRecord>(key::ORGS).await?;
    let organizations = orgs.into_iter().map(|stored| shown(stored.record)).collect();
    Ok(Json(OrganizationList { organizations }))
}

pub async fn get(State(api): State<Arc<Api>>, Path(slug): Path<String>) -> Result<Json<OneOrganization>> {
    Ok(Json(OneOrganization { organization: shown(api.store.org(&slug).await?) }))
}

fn shown(org: OrgRecord) -> Organization {
    Organization {
        internal_numeric_id: orgs::number_of(&org),
        personal: orgs::is_personal(&org),
        id: org.slug.clone(),
        raw_slug: org.slug.clone(),
        slug: org.slug,
        name: org.name,
        paid_plan: true,
        billable: true,
        billing_status: "CURRENT",
        provisions_beta_extensions: false,
        remote_builder_image: "",
    }
}
