//! What the schema asks of the platform, by family. Answers hold only what the caller may see.

use std::{collections::HashSet, sync::Arc};

use async_graphql::{Context, Error, ErrorExtensionValues};
use async_trait::async_trait;

use crate::types::{
    address::{IpAddress, IpAddressType},
    app::App,
    app_config::AppConfig,
    image::{Image, ImageVersion},
    machine::Machine,
    member::{Invitation, Member},
    organization::Organization,
    peer::Peer,
    region::Region,
    release::Release,
    secret::Secret,
    token::LimitedAccessToken,
    user::User,
    volume::Volume,
};

pub type Answer<T> = Result<T, Refusal>;

/// Why something was not done, for the person who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub message: String,
}

/// Kinds of refusals, as clients know them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    Unauthorized,
    NotFound,
    /// The document or an argument can not be used.
    Invalid,
    /// Understood, and not possible.
    Unprocessable,
    ServerError,
}

/// Who calls, and the organizations that they belong to.
#[async_trait]
pub trait Accounts: Send + Sync {
    async fn viewer(&self) -> Answer<User>;
    async fn organizations(&self) -> Answer<Vec<Organization>>;
    /// By id, slug or raw slug, which are unique together.
    async fn organization(&self, key: &str) -> Answer<Organization>;
    async fn members(&self, organization: &Organization) -> Answer<Vec<Member>>;
    async fn create_organization(&self, name: &str) -> Answer<Organization>;
    async fn delete_organization(&self, organization: &Organization) -> Answer<()>;
    async fn invite(&self, organization: &Organization, email: &str) -> Answer<Invitation>;
    /// The person who was removed, named by id or e-mail address.
    async fn remove_member(&self, organization: &Organization, user: &str) -> Answer<User>;
}

/// API tokens.
#[async_trait]
pub trait Tokens: Send + Sync {
    async fn tokens_of_organization(&self, organization: &Organization) -> Answer<Vec<LimitedAccessToken>>;
    async fn tokens_of_app(&self, app: &App) -> Answer<Vec<LimitedAccessToken>>;
    /// With the token itself, for the only time.
    async fn create_token(&self, organization: &Organization, new: NewToken) -> Answer<LimitedAccessToken>;
    async fn revoke_token(&self, id: &str) -> Answer<()>;
    /// Ends the tokens that the caller showed.
    async fn log_out(&self) -> Answer<()>;
}

pub struct NewToken {
    pub name: String,
    pub profile: String,
    pub parameters: serde_json::Value,
    /// A Go duration; the platform's own when empty.
    pub expiry: String,
}

/// Ways for people into an organization's private network and its machines.
#[async_trait]
pub trait Access: Send + Sync {
    async fn peers(&self, organization: &Organization) -> Answer<Vec<Peer>>;
    async fn add_peer(&self, organization: &Organization, new: NewPeer) -> Answer<(Peer, Gateway)>;
    async fn remove_peer(&self, organization: &Organization, name: &str) -> Answer<()>;
    /// Addresses of all peers in organizations of the caller.
    async fn peer_addresses(&self) -> Answer<HashSet<String>>;
    /// The public key that the organization's certificates are signed with, as OpenSSH writes it.
    async fn certificate_authority(&self, organization: &Organization) -> Answer<String>;
    async fn issue_certificate(
        &self,
        organization: &Organization,
        new: NewCertificate,
    ) -> Answer<IssuedCertificate>;
}

pub struct NewPeer {
    pub name: String,
    /// X25519, base64.
    pub public_key: String,
    /// Any when empty.
    pub region: String,
    /// Name of a network; the organization's own when empty.
    pub network: String,
}

/// Where peers connect to.
pub struct Gateway {
    pub endpoint: String,
    /// X25519, base64.
    pub public_key: String,
}

pub struct NewCertificate {
    pub principals: Vec<String>,
    pub apps: Vec<String>,
    pub public_key: Option<String>,
    pub valid_hours: Option<i32>,
}

pub struct IssuedCertificate {
    pub certificate: String,
    /// The private key, when one was made.
    pub key: Option<String>,
}

/// Apps, and what belongs to one.
#[async_trait]
pub trait Apps: Send + Sync {
    /// All of them, by name; of one organization, of one role, where these are given.
    async fn apps(&self, organization: Option<&str>, role: Option<&str>) -> Answer<Vec<App>>;
    /// By name or id.
    async fn app(&self, key: &str) -> Answer<App>;
    /// Newest first.
    async fn releases(&self, app: &App, first: usize) -> Answer<Vec<Release>>;
    async fn release(&self, app: &App, version: u64) -> Answer<Release>;
    /// The configuration of the current release.
    async fn config(&self, app: &App) -> Answer<AppConfig>;
    async fn secrets(&self, app: &App) -> Answer<Vec<Secret>>;
}

/// Addresses of apps.
#[async_trait]
pub trait Addresses: Send + Sync {
    async fn addresses(&self, app: &App) -> Answer<Vec<IpAddress>>;
    /// The IPv4 address that the app shares with others, if it has one.
    async fn shared_address(&self, app: &App) -> Answer<Option<String>>;
    async fn allocate_address(&self, app: &App, new: NewAddress) -> Answer<IpAddress>;
    async fn release_address(&self, app: &App, address: &str) -> Answer<()>;
}

pub struct NewAddress {
    pub kind: IpAddressType,
    /// Everywhere when empty.
    pub region: String,
    /// Of a private address: whose network reaches it; the app's own when empty.
    pub organization: String,
    pub network: String,
    /// Of all services when empty.
    pub service_name: String,
}

/// What hosts have: machines, volumes, and where hosts are.
#[async_trait]
pub trait Hosts: Send + Sync {
    async fn machines(&self, app: &App) -> Answer<Vec<Machine>>;
    async fn machine(&self, id: &str) -> Answer<Machine>;
    async fn volume(&self, id: &str) -> Answer<Volume>;
    async fn regions(&self) -> Answer<Vec<Region>>;
}

/// What image references mean.
#[async_trait]
pub trait Images: Send + Sync {
    /// What a reference means for this app now.
    async fn image(&self, app: &App, reference: &str) -> Answer<Image>;
    /// The image of a release, pinned when the release was made.
    async fn image_of_release(&self, app: &App, version: u64) -> Answer<ImageVersion>;
}

pub trait Platform: Access + Accounts + Addresses + Apps + Hosts + Images + Tokens {}

impl<T: Access + Accounts + Addresses + Apps + Hosts + Images + Tokens> Platform for T {}

/// The platform that this document is executed against.
pub(crate) fn platform<'a>(context: &Context<'a>) -> &'a dyn Platform {
    &**context.data_unchecked::<Arc<dyn Platform>>()
}

impl Refusal {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }
}

impl Code {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthorized => "UNAUTHORIZED",
            Self::NotFound => "NOT_FOUND",
            Self::Invalid => "INVALID",
            Self::Unprocessable => "UNPROCESSABLE",
            Self::ServerError => "SERVER_ERROR",
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", refusal.code.as_str());
        Self { extensions: Some(extensions), ..Self::new(refusal.message) }
    }
}
