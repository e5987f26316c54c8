//! Organizations and who belongs to them.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use crate::{
    platform::platform,
    types::{member::Invitation, organization::Organization, user::User},
};

#[derive(Default)]
pub struct OrganizationChanges;

#[derive(InputObject)]
#[graphql(name = "CreateOrganizationInput")]
struct Create {
    client_mutation_id: Option<String>,
    name: String,
}

#[derive(SimpleObject)]
#[graphql(name = "CreateOrganizationPayload")]
struct Created {
    client_mutation_id: Option<String>,
    organization: Organization,
}

#[derive(InputObject)]
#[graphql(name = "DeleteOrganizationInput")]
struct Delete {
    client_mutation_id: Option<String>,
    organization_id: ID,
}

#[derive(SimpleObject)]
#[graphql(name = "DeleteOrganizationPayload")]
struct Deleted {
    client_mutation_id: Option<String>,
    deleted_organization_id: ID,
}

#[derive(InputObject)]
#[graphql(name = "CreateOrganizationInvitationInput")]
struct Invite {
    client_mutation_id: Option<String>,
    organization_id: ID,
    email: String,
}

#[derive(SimpleObject)]
#[graphql(name = "CreateOrganizationInvitationPayload")]
struct Invited {
    client_mutation_id: Option<String>,
    invitation: Invitation,
}

#[derive(InputObject)]
#[graphql(name = "DeleteOrganizationMembershipInput")]
struct Remove {
    client_mutation_id: Option<String>,
    organization_id: ID,
    user_id: ID,
}

#[derive(SimpleObject)]
#[graphql(name = "DeleteOrganizationMembershipPayload")]
struct Removed {
    client_mutation_id: Option<String>,
    organization: Organization,
    user: User,
}

#[Object]
impl OrganizationChanges {
    async fn create_organization(&self, context: &Context<'_>, input: Create) -> Result<Option<Created>> {
        let organization = platform(context).create_organization(&input.name).await?;
        Ok(Some(Created { client_mutation_id: input.client_mutation_id, organization }))
    }

    async fn delete_organization(&self, context: &Context<'_>, input: Delete) -> Result<Option<Deleted>> {
        let organization = platform(context).organization(&input.organization_id).await?;
        platform(context).delete_organization(&organization).await?;
        let client_mutation_id = input.client_mutation_id;
        Ok(Some(Deleted { client_mutation_id, deleted_organization_id: organization.id }))
    }

    async fn create_organization_invitation(
        &self,
        context: &Context<'_>,
        input: Invite,
    ) -> Result<Option<Invited>> {
        let organization = platform(context).organization(&input.organization_id).await?;
        let invitation = platform(context).invite(&organization, &input.email).await?;
        Ok(Some(Invited { client_mutation_id: input.client_mutation_id, invitation }))
    }

    async fn delete_organization_membership(
        &self,
        context: &Context<'_>,
        input: Remove,
    ) -> Result<Option<Removed>> {
        let organization = platform(context).organization(&input.organization_id).await?;
        let user = platform(context).remove_member(&organization, &input.user_id).await?;
        Ok(Some(Removed { client_mutation_id: input.client_mutation_id, organization, user }))
    }
}
