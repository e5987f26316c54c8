//! The calls.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing,
};
use roost_api_types::{CreateOrg, Invite, Invited, Member, Org, SetRole, User};
use roost_records::{MemberRecord, MemberRole, OrgRecord, UserRecord};

use super::{is_personal, parse_email, parse_role, user_id};
use crate::{
    api::Api,
    auth::{Caller, OrgRight},
    error::{ApiError, Result},
    http::Body,
};

pub fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/v1/user", routing::get(user))
        .route("/v1/users", routing::get(users))
        .route("/v1/orgs", routing::get(list).post(create))
        .route("/v1/orgs/{org_slug}", routing::get(get).delete(delete))
        .route("/v1/orgs/{org_slug}/members", routing::get(members).post(invite))
        .route("/v1/orgs/{org_slug}/members/{email}", routing::patch(set_role).delete(remove))
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

async fn get(
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
