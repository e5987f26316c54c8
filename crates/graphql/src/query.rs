//! Where a reading document begins.

use async_graphql::{Context, ID, Object, Result};

use crate::{
    Refusal,
    platform::platform,
    types::{
        app::App,
        image::ImageVersion,
        machine::Machine,
        organization::Organization,
        page::{Connection, Page, page_length},
        region::{FlyPlatform, Region},
        user::Principal,
        volume::Volume,
    },
};

pub struct Queries;

#[Object]
impl Queries {
    async fn viewer(&self, context: &Context<'_>) -> Result<Principal> {
        Ok(Principal::User(platform(context).viewer().await?))
    }

    #[graphql(complexity = "10 * child_complexity")]
    async fn organizations(
        &self,
        context: &Context<'_>,
        admin: Option<bool>,
    ) -> Result<Connection<Organization>> {
        // Whoever may administer an organization is asked for; here every caller sees what is theirs.
        let _ = admin;
        Ok(platform(context).organizations().await?.into())
    }

    async fn organization(
        &self,
        context: &Context<'_>,
        id: Option<ID>,
        slug: Option<String>,
    ) -> Result<Option<Organization>> {
        let key = slug.or(id.map(|id| id.0)).filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| missing("organization", "slug"))?;
        Ok(Some(platform(context).organization(&key).await?))
    }

    #[graphql(complexity = "page_length(first) * child_complexity")]
    async fn apps(
        &self,
        context: &Context<'_>,
        after: Option<String>,
        first: Option<i32>,
        organization_id: Option<ID>,
        role: Option<String>,
        #[graphql(name = "type")] kind: Option<String>,
    ) -> Result<Connection<App>> {
        // Every app runs in machines; older kinds of apps do not exist here.
        let _ = kind;
        let organization = organization_id.as_ref().map(|id| id.as_str());
        let apps = platform(context).apps(organization, role.as_deref()).await?;
        Ok(Page { first, after }.of(apps, |app| app.name.clone()))
    }

    async fn app(
        &self,
        context: &Context<'_>,
        name: Option<String>,
        internal_id: Option<String>,
    ) -> Result<Option<App>> {
        let key = name.or(internal_id).ok_or_else(|| missing("app", "name"))?;
        Ok(Some(platform(context).app(&key).await?))
    }

    async fn app_name_available(&self, context: &Context<'_>, name: String) -> Result<bool> {
        match platform(context).app(&name).await {
            Ok(_) => Ok(false),
            Err(refusal) if refusal.code == crate::Code::NotFound => Ok(true),
            Err(refusal) => Err(refusal.into()),
        }
    }

    async fn machine(&self, context: &Context<'_>, machine_id: String) -> Result<Machine> {
        Ok(platform(context).machine(&machine_id).await?)
    }

    async fn volume(&self, context: &Context<'_>, id: ID) -> Result<Option<Volume>> {
        Ok(Some(platform(context).volume(id.as_str()).await?))
    }

    async fn platform(&self) -> FlyPlatform {
        FlyPlatform
    }

    /// Every region has a gateway, so the nearest is the nearest with one.
    async fn nearest_region(&self, context: &Context<'_>, wireguard_gateway: Option<bool>) -> Result<Region> {
        let _ = wireguard_gateway;
        let nearest = platform(context).regions().await?.into_iter().next();
        Ok(nearest.ok_or_else(|| Refusal::not_found("no host has registered yet, so there is no region"))?)
    }

    /// A blue-green deploy needs nothing of the platform that machines do not have.
    async fn can_perform_bluegreen_deployment(&self, context: &Context<'_>, name: String) -> Result<bool> {
        platform(context).app(&name).await.map(|_| true).map_err(Into::into)
    }

    /// Images that the platform's makers keep up to date: there are none here. Clients look for these
    /// words, and then know that there is nothing to upgrade to.
    async fn latest_image_details(&self, image: String, fly_version: Option<String>) -> Result<ImageVersion> {
        let _ = fly_version;
        Err(unknown_repository(&image))
    }

    async fn latest_image_tag(&self, repository: String, snapshot_id: Option<ID>) -> Result<String> {
        let _ = snapshot_id;
        Err(unknown_repository(&repository))
    }
}

fn missing(field: &str, argument: &str) -> Refusal {
    Refusal::new(crate::Code::Invalid, format!("`{field}` needs an argument: give its `{argument}`"))
}

fn unknown_repository(name: &str) -> async_graphql::Error {
    Refusal::not_found(format!("Unknown repository \"{name}\": this platform publishes no images of its own"))
        .into()
}
