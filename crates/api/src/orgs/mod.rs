//! Orgs, their members, and the users of this server.
//!
//! People do not sign up: an administrator of the server invites those who are new, and hands them the
//! token with which they log in. Admins of an org add users who are known already. So nobody becomes
//! another person by owning an org.

mod http;
mod slug;

use std::sync::Arc;

use roost_api_types::ErrorCode;
use roost_directory::Op;
use roost_records::{Email, MemberRecord, MemberRole, OrgRecord, PERSONAL_ORG, Record, UserRecord, key};

pub use self::http::{role_text, routes};
use crate::{
    api::Api,
    auth::{Caller, OrgRight},
    config::ApiConfig,
    error::{ApiError, Result},
    store::{IsNew, Standing, Store, new_member},
    tokens,
};

/// Orgs that one person may make: a bound for scripts that run wild.
const MAX_ORGS_PER_USER: usize = 100;

/// Members of one org.
const MAX_MEMBERS: usize = 1000;

/// Users of the server.
const MAX_USERS: usize = 10_000;

/// What a first start needs: the first user, who administers the server, and the org `personal`.
pub async fn ensure_first(store: &Store, administrator: &Email) -> Result<()> {
    store.ensure_user(administrator, Standing::Administrator).await?;
    store.ensure_org(PERSONAL_ORG, "Personal", administrator).await
}

/// Orgs that the caller may see, by slug.
pub fn list(api: &Api, caller: &Caller) -> Vec<Arc<OrgRecord>> {
    let orgs = api.book.orgs().into_iter();
    orgs.filter(|org| !org.deleting && caller.may_org(OrgRight::See, org)).collect()
}

/// An org by its slug, which is its id as well, for a caller who has the right.
pub fn find(api: &Api, caller: &Caller, slug: &str, right: OrgRight) -> Result<Arc<OrgRecord>> {
    let org = api.book.org(slug).ok_or_else(|| ApiError::no_org(slug))?;
    caller.check_org(right, &org)?;
    Ok(org)
}

/// The org that is there from the start.
pub fn is_personal(org: &OrgRecord) -> bool {
    org.slug == PERSONAL_ORG
}

/// Clients know the author of something by an e-mail address: a name that is none, such as that of a
/// deploy token, gets one under the platform's own domain.
pub fn email_of(config: &ApiConfig, author: &str) -> String {
    if author.contains('@') { author.to_owned() } else { format!("{author}@{}", config.base_domain) }
}

pub fn user_id(user: &UserRecord) -> String {
    format!("user_{}", user.number)
}

/// The caller's role in the org; nothing when the caller is no person.
pub fn role(api: &Api, caller: &Caller, org: &OrgRecord) -> Option<MemberRole> {
    let user = caller.person().ok()?;
    let administers = user.administrator.then_some(MemberRole::Admin);
    administers.or_else(|| api.book.role(&org.slug, &user.email))
}

/// Makes an org that the caller administers. Its slug follows from its name.
pub async fn create(api: &Api, caller: &Caller, name: &str) -> Result<Arc<OrgRecord>> {
    let person = caller.person()?;
    let slug = slug::of_name(name)?;
    let mine = api.book.orgs().into_iter();
    let mine = mine.filter(|org| api.book.role(&org.slug, &person.email) == Some(MemberRole::Admin));
    if mine.count() >= MAX_ORGS_PER_USER {
        return Err(ApiError::invalid(format!("one person administers at most {MAX_ORGS_PER_USER} orgs")));
    }
    let (org, revision) = api.store.create_org(&slug, name.trim(), &person.email).await?;
    api.book.reach(revision).await?;
    tracing::info!(org = slug, "org created");
    Ok(Arc::new(org))
}

/// Deletes an org without apps. Its tokens open nothing from then on. Repeatable: what a crash leaves is
/// an org that takes no new apps, to be deleted again.
pub async fn delete(api: &Api, caller: &Caller, name: &str) -> Result<Arc<OrgRecord>> {
    let org = find(api, caller, name, OrgRight::Manage)?;
    if is_personal(&org) {
        return Err(ApiError::invalid(
            "the organization \"personal\" is always there; it can not be deleted",
        ));
    }
    api.store.mark_org(&org.slug, true).await?;
    // An app that was made in between is seen here; a later one is refused by the mark.
    let apps = api.store.apps().await?;
    if let Some(app) = apps.iter().find(|app| app.org == org.slug) {
        api.store.mark_org(&org.slug, false).await?;
        let message = format!(
            "organization \"{}\" has apps, such as \"{}\"; destroy them first: roost apps destroy {}",
            org.slug, app.name, app.name
        );
        return Err(ApiError::new(ErrorCode::WrongState, message));
    }
    api.book.reach(api.store.remove_org(&org.slug).await?).await?;
    tracing::info!(org = org.slug, "org deleted");
    Ok(org)
}

/// The members of an org, with the users that they are.
pub fn members(api: &Api, org: &OrgRecord) -> Vec<(Arc<MemberRecord>, Arc<UserRecord>)> {
    let members = api.book.members(&org.slug).into_iter();
    members.filter_map(|member| Some((member.clone(), api.book.user(&member.email)?))).collect()
}

/// A member, and how somebody who is new here logs in.
pub struct Invited {
    pub user: Arc<UserRecord>,
    pub member: MemberRecord,
    /// A token of theirs, for a user who is new.
    pub login_token: Option<String>,
}

/// Adds a person to an org, or changes their role. Only an administrator of the server adds people whom
/// it does not know.
pub async fn invite(
    api: &Api,
    caller: &Caller,
    org: &str,
    email: &Email,
    role: MemberRole,
) -> Result<Invited> {
    let org = find(api, caller, org, OrgRight::Manage)?;
    caller.person()?;
    if api.book.user(email).is_none() {
        if !caller.administers_server() {
            let message = format!(
                "nobody here has the address {email}; only an administrator of the server invites people who are new"
            );
            return Err(ApiError::new(ErrorCode::Forbidden, message));
        }
        if api.book.users().len() >= MAX_USERS {
            return Err(ApiError::invalid(format!("a server has at most {MAX_USERS} users")));
        }
    }
    let (user, is_new) = api.store.ensure_user(email, Standing::User).await?;
    let member = new_member(&org.slug, email, role);
    let (member, revision) = api
        .store
        .change_members(&org.slug, |members| {
            if members.len() >= MAX_MEMBERS {
                return Err(ApiError::invalid(format!("an organization has at most {MAX_MEMBERS} members")));
            }
            let known = members.iter().find(|known| known.email == *email);
            keeps_an_admin(members, email, Some(role))?;
            let joined_at = known.map_or(member.joined_at, |known| known.joined_at);
            let member = MemberRecord { joined_at, ..member.clone() };
            Ok((Op::put(key::member(&org.slug, email), member.encode()), member))
        })
        .await?;
    api.book.reach(revision).await?;
    let login_token = match is_new {
        IsNew::Yes => Some(tokens::create_invitation(api, &user).await?),
        IsNew::No => None,
    };
    tracing::info!(org = org.slug, user = %email, "member added");
    Ok(Invited { user: Arc::new(user), member, login_token })
}

/// Changes a member's role.
pub async fn set_role(
    api: &Api,
    caller: &Caller,
    org: &str,
    email: &Email,
    role: MemberRole,
) -> Result<Invited> {
    let found = find(api, caller, org, OrgRight::Manage)?;
    if api.book.role(&found.slug, email).is_none() {
        return Err(no_member(&found.slug, email));
    }
    invite(api, caller, org, email, role).await
}

/// Removes a member: an admin removes anybody, everybody else themselves. What their tokens opened in
/// this org is closed at once.
pub async fn remove_member(
    api: &Api,
    caller: &Caller,
    org: &str,
    email: &Email,
) -> Result<(Arc<OrgRecord>, Option<Arc<UserRecord>>)> {
    let org = find(api, caller, org, OrgRight::Read)?;
    if caller.person()?.email != *email {
        caller.check_org(OrgRight::Manage, &org)?;
    }
    let ((), revision) = api
        .store
        .change_members(&org.slug, |members| {
            if !members.iter().any(|member| member.email == *email) {
                return Err(no_member(&org.slug, email));
            }
            keeps_an_admin(members, email, None)?;
            Ok((Op::delete(key::member(&org.slug, email)), ()))
        })
        .await?;
    api.book.reach(revision).await?;
    tracing::info!(org = org.slug, user = %email, "member removed");
    Ok((org, api.book.user(email)))
}

/// An org always has somebody who can say who belongs to it.
fn keeps_an_admin(members: &[MemberRecord], email: &Email, becomes: Option<MemberRole>) -> Result<()> {
    let admin = |member: &&MemberRecord| member.role == MemberRole::Admin;
    let others = members.iter().filter(admin).any(|member| member.email != *email);
    let is_one = members.iter().filter(admin).any(|member| member.email == *email);
    match is_one && !others && becomes != Some(MemberRole::Admin) {
        true => Err(ApiError::new(
            ErrorCode::WrongState,
            format!(
                "{email} is the organization's only admin; make another one first: roost orgs invite --role admin"
            ),
        )),
        false => Ok(()),
    }
}

fn no_member(org: &str, email: &Email) -> ApiError {
    let message = format!("{email} is no member of \"{org}\"; `roost orgs show {org}` lists its members");
    ApiError::new(ErrorCode::NotFound, message)
}

pub fn parse_email(text: &str) -> Result<Email> {
    text.parse().map_err(|e: roost_records::InvalidEmail| ApiError::invalid(e.to_string()))
}

/// `admin` or `member`, in any case.
pub fn parse_role(text: &str) -> Result<MemberRole> {
    match text.to_ascii_lowercase().as_str() {
        "admin" => Ok(MemberRole::Admin),
        "member" => Ok(MemberRole::Member),
        _ => Err(ApiError::invalid(format!("unknown role \"{text}\"; roles are admin and member"))),
    }
}
