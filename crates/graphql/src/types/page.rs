//! Lists, a page at a time.

use async_graphql::{OutputType, SimpleObject};

use super::{
    add_on::AddOn,
    address::{EgressIpAddress, IpAddress},
    app::App,
    certificate::LoggedCertificate,
    issue::Issue,
    machine::{Machine, MachineIp},
    organization::Organization,
    peer::Peer,
    release::{Release, ReleaseUnprocessed},
    token::LimitedAccessToken,
};
use crate::scalar::int;

/// Entries of a page: as many as flyctl asks for at once.
pub const MAX_PAGE: usize = 200;

/// Entries of a page whose length nobody asked for.
pub const DEFAULT_PAGE: usize = 20;

/// A page of a list. Cursors are keys of entries, so that a page goes on where the last one ended
/// whatever came and went in between.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(concrete(name = "AddOnConnection", params(AddOn)))]
#[graphql(concrete(name = "AppConnection", params(App)))]
#[graphql(concrete(name = "EgressIPAddressConnection", params(EgressIpAddress)))]
#[graphql(concrete(name = "IPAddressConnection", params(IpAddress)))]
#[graphql(concrete(name = "IssueConnection", params(Issue)))]
#[graphql(concrete(name = "LimitedAccessTokenConnection", params(LimitedAccessToken)))]
#[graphql(concrete(name = "LoggedCertificateConnection", params(LoggedCertificate)))]
#[graphql(concrete(name = "MachineConnection", params(Machine)))]
#[graphql(concrete(name = "MachineIPConnection", params(MachineIp)))]
#[graphql(concrete(name = "OrganizationConnection", params(Organization)))]
#[graphql(concrete(name = "ReleaseConnection", params(Release)))]
#[graphql(concrete(name = "ReleaseUnprocessedConnection", params(ReleaseUnprocessed)))]
#[graphql(concrete(name = "WireGuardPeerConnection", params(Peer)))]
pub struct Connection<T: OutputType> {
    pub nodes: Vec<T>,
    pub page_info: PageInfo,
    pub total_count: i32,
}

#[derive(Debug, Clone, Default, SimpleObject)]
pub struct PageInfo {
    pub start_cursor: Option<String>,
    pub end_cursor: Option<String>,
    pub has_next_page: bool,
    pub has_previous_page: bool,
}

/// Which page.
#[derive(Debug, Clone, Default)]
pub struct Page {
    pub first: Option<i32>,
    /// The cursor after which it begins.
    pub after: Option<String>,
}

impl Page {
    /// The page of entries that are sorted by `key`.
    pub fn of<T: OutputType>(self, all: Vec<T>, key: impl Fn(&T) -> String) -> Connection<T> {
        let total_count = int(all.len() as u64);
        let length = page_length(self.first);
        let mut rest = match &self.after {
            Some(after) => all.into_iter().filter(|entry| key(entry) > *after).collect(),
            None => all,
        };
        let has_next_page = rest.len() > length;
        rest.truncate(length);
        let page_info = PageInfo {
            start_cursor: rest.first().map(&key),
            end_cursor: rest.last().map(&key),
            has_next_page,
            has_previous_page: self.after.is_some(),
        };
        Connection { nodes: rest, page_info, total_count }
    }
}

pub fn page_length(first: Option<i32>) -> usize {
    let asked = first.and_then(|first| usize::try_from(first).ok());
    asked.unwrap_or(DEFAULT_PAGE).clamp(1, MAX_PAGE)
}

impl<T: OutputType> From<Vec<T>> for Connection<T> {
    /// A list that is short enough to be one page.
    fn from(nodes: Vec<T>) -> Self {
        let total_count = int(nodes.len() as u64);
        Self { nodes, page_info: PageInfo::default(), total_count }
    }
}
