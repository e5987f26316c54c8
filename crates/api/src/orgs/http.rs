//! The calls.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::StatusCode,
};
use roost_api_types::{CreateOrg, Invite, Invited, Member, Org, SetRole, User};
use roost_records::{MemberRecord, MemberRole, OrgRecord, UserRecord};

use super::{is_personal, parse_email, parse_role, user_id};
use crate::{
    api::Api,
    auth::{Caller, OrgRight},
    error::{ApiError, Result},
    http::Body,
    openapi::{Routes, call, get, patch},
};

pub fn routes() -> Routes {
    const ORG: &str = "/v1/orgs/{org_slug}";
    Routes::new()
        .at("/v1/user", get(call("User_show", "Whose token it is").or_fails(&[400]), user))
        .at("/v1/users", get(call("Users_list", "The users of the server"), users))
        .at(
            "/v1/orgs",
            get(call("Orgs_list", "The organizations that the caller may see"), list)
                .post(call("Orgs_create", "Make an organization").answers(201), create),
        )
        .at(
            ORG,
            get(call("Orgs_show", "An organization, and its members for those who may read it"), show)
                .delete(call("Orgs_delete", "Delete an organization without apps").answers(204), delete),
        )
        .at(
            &format!("{ORG}/members"),
            get(call("Members_list", "The members of an organization"), members)
                .post(call("Members_invite", "Make somebody a member").answers(201), invite),
        )
        .at(
            &format!("{ORG}/members/{{email}}"),
            patch(call("Members_set_role", "Give a member another role").or_fails(&[400]), set_role).delete(
                call("Members_remove", "Remove a member, or leave").answers(204).or_fails(&[400]),
                remove,
            ),
        )
}

async fn user(Extension(caller): Extension<Caller>) -> Result<Json<User>> {
    let user = caller.user().ok_or_else(|| ApiError::invalid("this token stands for no user"))?;
    Ok(Json(shown_user(&user)))
}

async fn users(State(api): State<Arc<Api>>) -> Json<Vec<User>> {
    Json(api.book.users().iter().map(|user| shown_user(user)).collect())
}

async fn list(State(api): State<Arc<Api>>, Extension(caller): Extension<Caller>) -> Json<Vec<Org>> {
    Json(super::list(&api, &caller).iter().map(|org| shown(&api, &caller, org)).collect())
}

async fn create(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Body(body): Body<CreateOrg>,
) -> Result<(StatusCode, Json<Org>)> {
    let org = super::create(&api, &caller, &body.name).await?;
    Ok((StatusCode::CREATED, Json(shown(&api, &caller, &org))))
}

async fn show(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(slug): Path<String>,
) -> Result<Json<Org>> {
    let org = super::find(&api, &caller, &slug, OrgRight::See)?;
    let readable = caller.may_org(OrgRight::Read, &org);
    let members = readable.then(|| shown_members(&api, &org));
    Ok(Json(Org { members, ..shown(&api, &caller, &org) }))
}

async fn delete(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(slug): Path<String>,
) -> Result<StatusCode> {
    super::delete(&api, &caller, &slug).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn members(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(slug): Path<String>,
) -> Result<Json<Vec<Member>>> {
    let org = super::find(&api, &caller, &slug, OrgRight::Read)?;
    Ok(Json(shown_members(&api, &org)))
}

async fn invite(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(slug): Path<String>,
    Body(body): Body<Invite>,
) -> Result<(StatusCode, Json<Invited>)> {
    let role = body.role.as_deref().filter(|role| !role.is_empty()).unwrap_or("member");
    let (email, role) = (parse_email(&body.email)?, parse_role(role)?);
    let invited = super::invite(&api, &caller, &slug, &email, role).await?;
    let member = shown_member(&invited.member, &invited.user);
    Ok((StatusCode::CREATED, Json(Invited { member, login_token: invited.login_token })))
}

async fn set_role(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path((slug, email)): Path<(String, String)>,
    Body(body): Body<SetRole>,
) -> Result<Json<Member>> {
    let (email, role) = (parse_email(&email)?, parse_role(&body.role)?);
    let changed = super::set_role(&api, &caller, &slug, &email, role).await?;
    Ok(Json(shown_member(&changed.member, &changed.user)))
}

async fn remove(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path((slug, email)): Path<(String, String)>,
) -> Result<StatusCode> {
    super::remove_member(&api, &caller, &slug, &parse_email(&email)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An org as the caller sees it, without its members.
pub fn shown(api: &Api, caller: &Caller, org: &OrgRecord) -> Org {
    let role = super::role(api, caller, org);
    Org {
        id: org.slug.clone(),
        internal_numeric_id: org.number,
        slug: org.slug.clone(),
        raw_slug: org.slug.clone(),
        name: org.name.clone(),
        kind: if is_personal(org) { "personal" } else { "shared" }.to_owned(),
        role: role.map(|role| role_text(role).to_owned()),
        created_at: org.created_at.to_string(),
        members: None,
    }
}

pub fn shown_user(user: &UserRecord) -> User {
    User {
        id: user_id(user),
        email: user.email.to_string(),
        name: user.name.clone(),
        administrator: user.administrator,
        created_at: user.created_at.to_string(),
    }
}

fn shown_members(api: &Api, org: &OrgRecord) -> Vec<Member> {
    super::members(api, org).iter().map(|(member, user)| shown_member(member, user)).collect()
}

fn shown_member(member: &MemberRecord, user: &UserRecord) -> Member {
    Member {
        id: user_id(user),
        email: user.email.to_string(),
        name: user.name.clone(),
        role: role_text(member.role).to_owned(),
        joined_at: member.joined_at.to_string(),
    }
}

pub fn role_text(role: MemberRole) -> &'static str {
    match role {
        MemberRole::Admin => "admin",
        MemberRole::Member => "member",
    }
}
