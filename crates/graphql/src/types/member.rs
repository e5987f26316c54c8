//! Members of organizations.

use async_graphql::{Enum, ID, SimpleObject};

use super::{organization::Organization, page::PageInfo, user::User};
use crate::scalar::{Iso8601DateTime, int};

#[derive(Debug, Clone, SimpleObject)]
#[graphql(name = "OrganizationMembershipsConnection")]
pub struct Members {
    pub edges: Vec<Member>,
    pub nodes: Vec<User>,
    pub page_info: PageInfo,
    pub total_count: i32,
}

#[derive(Debug, Clone, SimpleObject)]
#[graphql(name = "OrganizationMembershipsEdge")]
pub struct Member {
    pub cursor: String,
    pub node: Option<User>,
    pub joined_at: Iso8601DateTime,
    pub role: MemberRole,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "OrganizationMemberRole")]
pub enum MemberRole {
    Admin,
    Member,
}

#[derive(Debug, Clone, SimpleObject)]
#[graphql(name = "OrganizationInvitation")]
pub struct Invitation {
    pub id: ID,
    pub email: String,
    pub created_at: Iso8601DateTime,
    /// The person is a member.
    pub redeemed: bool,
    pub inviter: User,
    pub organization: Organization,
}

impl From<Vec<Member>> for Members {
    fn from(edges: Vec<Member>) -> Self {
        let nodes: Vec<User> = edges.iter().filter_map(|edge| edge.node.clone()).collect();
        let total_count = int(edges.len() as u64);
        Self { nodes, total_count, page_info: PageInfo::default(), edges }
    }
}
