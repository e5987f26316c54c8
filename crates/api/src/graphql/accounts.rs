//! Who calls, and organizations.

use std::sync::Arc;

use async_trait::async_trait;
use roost_graphql::{
    Answer, Code, ID, Refusal,
    platform::Accounts,
    scalar::{BigInt, Iso8601DateTime},
    types::{
        member::{Invitation, Member, MemberRole as Role},
        organization::{Organization, OrganizationType},
        user::User,
    },
};
use roost_records::{MemberRole, OrgRecord, UserRecord};

use super::Session;
use crate::{auth::OrgRight, orgs};

#[async_trait]
impl Accounts for Session {
    async fn viewer(&self) -> Answer<User> {
        match self.caller.user() {
            Some(user) => Ok(self.person(&user)),
            None => Ok(self.user(&self.caller.name)),
        }
    }

    async fn organizations(&self) -> Answer<Vec<Organization>> {
        Ok(orgs::list(&self.api, &self.caller).iter().map(|org| self.organization_shown(org)).collect())
    }

    async fn organization(&self, key: &str) -> Answer<Organization> {
        Ok(self.organization_shown(&*orgs::find(&self.api, &self.caller, key, OrgRight::See)?))
    }

    async fn members(&self, organization: &Organization) -> Answer<Vec<Member>> {
        let org = self.check_organization(organization, OrgRight::Read)?;
        let members = orgs::members(&self.api, &org).into_iter().map(|(member, user)| Member {
            cursor: orgs::user_id(&user),
            node: Some(self.person(&user)),
            joined_at: Iso8601DateTime(member.joined_at),
            role: match member.role {
                MemberRole::Admin => Role::Admin,
                MemberRole::Member => Role::Member,
            },
        });
        Ok(members.collect())
    }

    async fn create_organization(&self, name: &str) -> Answer<Organization> {
        Ok(self.organization_shown(&*orgs::create(&self.api, &self.caller, name).await?))
    }

    async fn delete_organization(&self, organization: &Organization) -> Answer<()> {
        orgs::delete(&self.api, &self.caller, &organization.slug).await?;
        Ok(())
    }

    /// Somebody who is new needs a token to log in with, which this payload has no place for.
    async fn invite(&self, organization: &Organization, email: &str) -> Answer<Invitation> {
        let email = orgs::parse_email(email)?;
        if self.api.book.user(&email).is_none() {
            let message = format!(
                "{email} is new here and needs a token to log in: invite them with `roost orgs invite`, which prints it"
            );
            return Err(Refusal::new(Code::Unprocessable, message));
        }
        let invited =
            orgs::invite(&self.api, &self.caller, &organization.slug, &email, MemberRole::Member).await?;
        Ok(Invitation {
            id: ID(orgs::user_id(&invited.user)),
            email: email.to_string(),
            created_at: Iso8601DateTime(invited.member.joined_at),
            redeemed: true,
            inviter: self.viewer().await?,
            organization: organization.clone(),
        })
    }

    async fn remove_member(&self, organization: &Organization, user: &str) -> Answer<User> {
        let org = self.check_organization(organization, OrgRight::Read)?;
        let members = orgs::members(&self.api, &org).into_iter();
        let named = |person: &UserRecord| orgs::user_id(person) == user || person.email.as_str() == user;
        let person = members.map(|(_, person)| person).find(|person| named(person)).ok_or_else(|| {
            Refusal::not_found(format!("organization \"{}\" has no member {user}", org.slug))
        })?;
        orgs::remove_member(&self.api, &self.caller, &org.slug, &person.email).await?;
        Ok(self.person(&person))
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

    fn person(&self, user: &UserRecord) -> User {
        User { id: ID(orgs::user_id(user)), name: Some(user.name.clone()), ..self.user(user.email.as_str()) }
    }

    /// The record of an organization, for a caller who has the right.
    pub fn check_organization(&self, organization: &Organization, right: OrgRight) -> Answer<Arc<OrgRecord>> {
        Ok(orgs::find(&self.api, &self.caller, &organization.slug, right)?)
    }

    pub(super) fn organization_shown(&self, org: &OrgRecord) -> Organization {
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
