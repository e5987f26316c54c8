//! Who calls, and organizations.

use async_trait::async_trait;
use roost_graphql::{
    Answer, ID,
    platform::Accounts,
    scalar::BigInt,
    types::{
        organization::{Organization, OrganizationType},
        user::User,
    },
};
use roost_records::{MemberRole, OrgRecord};

use super::Session;
use crate::{auth::OrgRight, orgs};

#[async_trait]
impl Accounts for Session {
    async fn viewer(&self) -> Answer<User> {
        match self.caller.user() {
            Some(user) => Ok(User { id: ID(orgs::user_id(&user)), ..self.user(user.email.as_str()) }),
            None => Ok(self.user(&self.caller.name)),
        }
    }

    async fn organizations(&self) -> Answer<Vec<Organization>> {
        Ok(orgs::list(&self.api, &self.caller).iter().map(|org| self.organization_shown(org)).collect())
    }

    async fn organization(&self, key: &str) -> Answer<Organization> {
        Ok(self.organization_shown(&*orgs::find(&self.api, &self.caller, key, OrgRight::See)?))
    }
}

impl Session {
    /// Whoever made something: known by the name of their token.
    pub fn user(&self, name: &str) -> User {
        User {
            id: ID(name.to_owned()),
            email: orgs::email_of(&self.api.config, name),
            name: Some(name.to_owned()),
            enable_paid_hobby: false,
        }
    }

    fn organization_shown(&self, org: &OrgRecord) -> Organization {
        let kind = if orgs::is_personal(org) { OrganizationType::Personal } else { OrganizationType::Shared };
        let role = orgs::role(&self.api, &self.caller, org);
        Organization {
            id: ID(org.slug.clone()),
            internal_numeric_id: BigInt(org.number),
            slug: org.slug.clone(),
            raw_slug: org.slug.clone(),
            name: org.name.clone(),
            kind,
            // A token that stands for no person can do what a member can, at most.
            viewer_role: orgs::role_text(role.unwrap_or(MemberRole::Member)).to_owned(),
        }
    }
}
