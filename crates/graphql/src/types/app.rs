//! Apps.

use async_graphql::{ComplexObject, Context, Enum, ID, Interface, Result, SimpleObject};

use super::{
    add_on::{AddOn, AddOnType},
    address::{EgressIpAddress, IpAddress},
    app_config::{AppConfig, Service},
    image::{Image, ImageVersion},
    issue::Issue,
    machine::Machine,
    organization::Organization,
    page::{Connection, page_length},
    release::{Release, ReleaseUnprocessed},
    secret::Secret,
    token::LimitedAccessToken,
};
use crate::{
    platform::platform,
    scalar::{Iso8601DateTime, int},
};

#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub struct App {
    pub id: ID,
    pub internal_numeric_id: i32,
    pub name: String,
    /// The name under which the app answers.
    pub hostname: Option<String>,
    pub app_url: Option<String>,
    /// What a CNAME record of another name points to.
    pub cname_target: Option<String>,
    /// Name of its private network; absent for the organization's own.
    pub network: Option<String>,
    pub network_id: Option<i32>,
    pub deployed: bool,
    /// `pending` until a release is complete, then `deployed`.
    pub status: String,
    pub created_at: Iso8601DateTime,
    #[graphql(skip)]
    pub organization_key: String,
    #[graphql(skip)]
    pub role_name: Option<String>,
    /// Of the release that its machines run.
    #[graphql(skip)]
    pub current_version: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(rename_items = "lowercase")]
pub enum PlatformVersionEnum {
    Machines,
}

/// What an app is for, when it was made for something that tools look for.
#[derive(Debug, Clone, Interface)]
#[graphql(field(name = "name", ty = "&String"))]
pub enum AppRole {
    Machines(FlyctlMachineHostAppRole),
}

#[derive(Debug, Clone, SimpleObject)]
pub struct FlyctlMachineHostAppRole {
    pub name: String,
}

#[ComplexObject]
impl App {
    async fn platform_version(&self) -> Option<PlatformVersionEnum> {
        Some(PlatformVersionEnum::Machines)
    }

    /// Of the release that its machines run; 0 before the first.
    async fn version(&self) -> i32 {
        int(self.current_version.unwrap_or_default())
    }

    async fn role(&self) -> Option<AppRole> {
        let name = self.role_name.clone()?;
        Some(AppRole::Machines(FlyctlMachineHostAppRole { name }))
    }

    async fn organization(&self, context: &Context<'_>) -> Result<Organization> {
        Ok(platform(context).organization(&self.organization_key).await?)
    }

    async fn config(&self, context: &Context<'_>) -> Result<AppConfig> {
        Ok(platform(context).config(self).await?)
    }

    async fn services(&self, context: &Context<'_>) -> Result<Vec<Service>> {
        Ok(platform(context).config(self).await?.services)
    }

    async fn secrets(&self, context: &Context<'_>) -> Result<Vec<Secret>> {
        Ok(platform(context).secrets(self).await?)
    }

    async fn current_release(&self, context: &Context<'_>) -> Result<Option<Release>> {
        match self.current_version {
            Some(version) => Ok(Some(platform(context).release(self, version).await?)),
            None => Ok(None),
        }
    }

    /// The release that its machines run; before there is one, the newest.
    async fn current_release_unprocessed(&self, context: &Context<'_>) -> Result<Option<ReleaseUnprocessed>> {
        if let Some(version) = self.current_version {
            return Ok(Some(platform(context).release(self, version).await?.into()));
        }
        let newest = platform(context).releases(self, 1).await?.into_iter().next();
        Ok(newest.map(ReleaseUnprocessed::from))
    }

    #[graphql(complexity = "page_length(first) * child_complexity")]
    async fn releases(&self, context: &Context<'_>, first: Option<i32>) -> Result<Connection<Release>> {
        Ok(platform(context).releases(self, page_length(first)).await?.into())
    }

    /// `status` picks those that stand so.
    #[graphql(complexity = "page_length(first) * child_complexity")]
    async fn releases_unprocessed(
        &self,
        context: &Context<'_>,
        first: Option<i32>,
        status: Option<String>,
    ) -> Result<Connection<ReleaseUnprocessed>> {
        let looked_at = if status.is_some() { super::page::MAX_PAGE } else { page_length(first) };
        let releases = platform(context).releases(self, looked_at).await?;
        let asked =
            releases.into_iter().filter(|r| status.as_ref().is_none_or(|status| *status == r.0.status));
        Ok(asked.take(page_length(first)).map(ReleaseUnprocessed::from).collect::<Vec<_>>().into())
    }

    #[graphql(complexity = "20 * child_complexity")]
    async fn machines(&self, context: &Context<'_>) -> Result<Connection<Machine>> {
        Ok(platform(context).machines(self).await?.into())
    }

    /// Machines of a scheduler that came before this one: there are none.
    async fn allocations(&self, show_completed: Option<bool>) -> Vec<Allocation> {
        let _ = show_completed;
        Vec::new()
    }

    async fn image(
        &self,
        context: &Context<'_>,
        #[graphql(name = "ref")] reference: String,
    ) -> Result<Option<Image>> {
        Ok(Some(platform(context).image(self, &reference).await?))
    }

    /// The image of the release that its machines run.
    async fn image_details(&self, context: &Context<'_>) -> Result<Option<ImageVersion>> {
        let Some(version) = self.current_version else { return Ok(None) };
        Ok(Some(platform(context).image_of_release(self, version).await?))
    }

    async fn ip_addresses(&self, context: &Context<'_>, first: Option<i32>) -> Result<Connection<IpAddress>> {
        let _ = first;
        Ok(platform(context).addresses(self).await?.into())
    }

    async fn limited_access_tokens(
        &self,
        context: &Context<'_>,
        first: Option<i32>,
    ) -> Result<Connection<LimitedAccessToken>> {
        let _ = first;
        Ok(platform(context).tokens_of_app(self).await?.into())
    }

    async fn shared_ip_address(&self, context: &Context<'_>) -> Result<Option<String>> {
        Ok(platform(context).shared_address(self).await?)
    }

    async fn egress_ip_addresses(&self, first: Option<i32>) -> Connection<EgressIpAddress> {
        let _ = first;
        Connection::from(Vec::new())
    }

    async fn host_issues(&self, first: Option<i32>) -> Option<Connection<Issue>> {
        let _ = first;
        Some(Connection::from(Vec::new()))
    }

    async fn add_ons(
        &self,
        first: Option<i32>,
        #[graphql(name = "type")] kind: Option<AddOnType>,
    ) -> Connection<AddOn> {
        let _ = (first, kind);
        Connection::from(Vec::new())
    }
}

#[derive(Debug, Clone, SimpleObject)]
pub struct Allocation {
    pub id: ID,
    pub region: String,
    #[graphql(name = "privateIP")]
    pub private_ip: Option<String>,
}
