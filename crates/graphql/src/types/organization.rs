//! Organizations.

use async_graphql::{ComplexObject, Context, Enum, ID, Result, SimpleObject};

use super::{
    add_on::{AddOn, AddOnType},
    app::App,
    certificate::LoggedCertificate,
    member::Members,
    page::{Connection, Page, page_length},
    peer::Peer,
    token::LimitedAccessToken,
};
use crate::{Refusal, platform::platform, scalar::BigInt};

#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub struct Organization {
    pub id: ID,
    pub internal_numeric_id: BigInt,
    pub slug: String,
    pub raw_slug: String,
    pub name: String,
    #[graphql(name = "type")]
    pub kind: OrganizationType,
    /// Of the caller: `admin` or `member`.
    pub viewer_role: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum OrganizationType {
    Personal,
    Shared,
}

/// Nobody pays here: bills are always settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum BillingStatus {
    Current,
}

#[ComplexObject]
impl Organization {
    /// Nothing that the platform can do is kept for those who pay.
    async fn paid_plan(&self) -> bool {
        true
    }

    /// A client makes two machines where this is true, and one where it is not.
    async fn billable(&self) -> bool {
        true
    }

    async fn billing_status(&self) -> BillingStatus {
        BillingStatus::Current
    }

    async fn provisions_beta_extensions(&self) -> bool {
        false
    }

    async fn add_on_sso_link(&self) -> Option<String> {
        None
    }

    async fn extension_sso_link(&self, provider: String) -> Option<String> {
        let _ = provider;
        None
    }

    /// Images are built where the client is, or by a BuildKit that it names: no app builds them.
    async fn remote_builder_app(&self) -> Option<App> {
        None
    }

    async fn remote_builder_image(&self) -> &str {
        ""
    }

    async fn add_ons(
        &self,
        first: Option<i32>,
        #[graphql(name = "type")] kind: Option<AddOnType>,
    ) -> Connection<AddOn> {
        let _ = (first, kind);
        Connection::from(Vec::new())
    }

    #[graphql(complexity = "page_length(first) * child_complexity")]
    async fn apps(
        &self,
        context: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Connection<App>> {
        let apps = platform(context).apps(Some(self.id.as_str()), None).await?;
        Ok(Page { first, after }.of(apps, |app| app.name.clone()))
    }

    async fn members(&self, context: &Context<'_>, first: Option<i32>) -> Result<Members> {
        let _ = first;
        Ok(platform(context).members(self).await?.into())
    }

    async fn limited_access_tokens(
        &self,
        context: &Context<'_>,
        first: Option<i32>,
    ) -> Result<Connection<LimitedAccessToken>> {
        let _ = first;
        Ok(platform(context).tokens_of_organization(self).await?.into())
    }

    async fn wire_guard_peer(&self, context: &Context<'_>, name: String) -> Result<Peer> {
        let peers = platform(context).peers(self).await?;
        let missing = || Refusal::not_found(format!("there is no WireGuard peer \"{name}\""));
        Ok(peers.into_iter().find(|peer| peer.name == name).ok_or_else(missing)?)
    }

    async fn wire_guard_peers(&self, context: &Context<'_>, first: Option<i32>) -> Result<Connection<Peer>> {
        let _ = first;
        Ok(platform(context).peers(self).await?.into())
    }

    /// The public key that signs its SSH certificates.
    async fn ssh_certificate(&self, context: &Context<'_>) -> Result<Option<String>> {
        Ok(Some(platform(context).certificate_authority(self).await?))
    }

    /// The key that signs certificates. What it signed is not kept: certificates end by themselves.
    async fn logged_certificates(
        &self,
        context: &Context<'_>,
        first: Option<i32>,
    ) -> Result<Option<Connection<LoggedCertificate>>> {
        let _ = first;
        let cert = platform(context).certificate_authority(self).await?;
        Ok(Some(vec![LoggedCertificate { id: self.id.clone(), root: true, cert }].into()))
    }
}
