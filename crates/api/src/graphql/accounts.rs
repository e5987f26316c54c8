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
use roost_records::{OrgRecord, key};

use super::Session;
use crate::orgs;

#[async_trait]
impl Accounts for Session {
    async fn viewer(&self) -> Answer<User> {
        Ok(self.user(&self.caller.name))
    }

    async fn organizations(&self) -> Answer<Vec<Organization>> {
        let orgs = self.api.store.list::<OrgRecord>(key::ORGS).await?;
        Ok(orgs.into_iter().map(|stored| shown(&stored.record)).collect())
    }

    async fn organization(&self, key: &str) -> Answer<Organization> {
        Ok(shown(&self.api.store.org(key).await?))
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
}

fn shown(org: &OrgRecord) -> Organization {
    let kind = if orgs::is_personal(org) { OrganizationType::Personal } else { OrganizationType::Shared };
    Organization {
        id: ID(org.slug.clone()),
        internal_numeric_id: BigInt(orgs::number_of(org)),
        slug: org.slug.clone(),
        raw_slug: org.slug.clone(),
        name: org.name.clone(),
        kind,
        viewer_role: "admin".to_owned(),
    }
}
