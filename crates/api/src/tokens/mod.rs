//! Tokens: making, listing, revoking them.
//!
//! Only people make tokens: with the token of a login, never with one of an app or an org, which could
//! otherwise outlive its own end. The token is shown once; its hash is kept.

mod housekeeping;
mod http;
mod verify;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use roost_api_types::ErrorCode;
use roost_model::{AppName, GoDuration};
use roost_records::{
    AllowedCommand, AppRecord, OrgRecord, Revocation, TokenRecord, TokenScope, UserRecord, key,
};
use ulid::Ulid;

pub use self::{housekeeping::keep_house, http::routes};
use crate::{
    api::Api,
    auth::{AppRight, Caller, OrgRight, hash, new_token},
    error::{ApiError, Result},
    orgs,
};

/// Life of a token whose maker does not say.
const DEFAULT_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);

/// Longest life: what clients of the Machines API ask for when nobody says (20 years of 365 days).
const MAX_LIFE: Duration = Duration::from_secs(20 * 365 * 24 * 3600);

/// Time to take up an invitation.
const INVITATION_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Good tokens of one owner: a bound for scripts that make one each run.
const MAX_TOKENS_PER_OWNER: usize = 1000;

/// Longest name.
const MAX_NAME: usize = 200;

/// Commands that one token lists.
const MAX_COMMANDS: usize = 100;

/// What a new token is for.
pub enum NewScope {
    /// Everything in an org but its members: slug or id.
    Org(String),
    /// Seeing everything in an org: slug or id.
    OrgReadOnly(String),
    Deploy(AppName),
    MachineExec(AppName, Vec<AllowedCommand>),
    /// A login of a user.
    User(String),
}

pub struct NewToken {
    pub name: String,
    pub scope: NewScope,
    /// A Go duration; the default when empty.
    pub expiry: String,
}

/// A token and its record. The token is shown once.
pub struct Created {
    pub token: String,
    pub record: TokenRecord,
}

pub async fn create(api: &Api, caller: &Caller, new: NewToken) -> Result<Created> {
    let person = caller.person()?;
    let (owner, scope) = match new.scope {
        NewScope::Org(org) => {
            let org = orgs::find(api, caller, &org, OrgRight::Write)?;
            (person, TokenScope::Org { org: org.slug.clone(), number: org.number })
        }
        NewScope::OrgReadOnly(org) => {
            let org = orgs::find(api, caller, &org, OrgRight::Read)?;
            (person, TokenScope::OrgReadOnly { org: org.slug.clone(), number: org.number })
        }
        NewScope::Deploy(app) => {
            let AppRecord { name: app, number, org, .. } = app_to_change(api, caller, &app).await?;
            (person, TokenScope::Deploy { app, number, org })
        }
        NewScope::MachineExec(app, commands) => {
            check_commands(&commands)?;
            let AppRecord { name: app, number, org, .. } = app_to_change(api, caller, &app).await?;
            (person, TokenScope::MachineExec { app, number, org, commands })
        }
        NewScope::User(email) => {
            caller.check_server()?;
            let email = orgs::parse_email(&email)?;
            let user = api.book.user(&email).ok_or_else(|| {
                let message = format!("nobody here has the address {email}; `roost orgs invite` adds them");
                ApiError::new(ErrorCode::NotFound, message)
            })?;
            (user, TokenScope::User)
        }
    };
    let life = life(&new.expiry)?;
    add(api, &owner, &new.name, scope, life).await
}

/// The token of a login, for a person who has shown who they are.
pub async fn create_login(api: &Api, user: &UserRecord, name: &str, scope: TokenScope) -> Result<Created> {
    add(api, user, name, scope, DEFAULT_LIFE).await
}

/// With which a new user logs in.
pub async fn create_invitation(api: &Api, user: &UserRecord) -> Result<String> {
    Ok(add(api, user, "invitation", TokenScope::User, INVITATION_LIFE).await?.token)
}

async fn add(
    api: &Api,
    owner: &UserRecord,
    name: &str,
    scope: TokenScope,
    life: Duration,
) -> Result<Created> {
    let name = match name.trim() {
        "" => scope.kind(),
        name if name.chars().count() <= MAX_NAME && !name.chars().any(char::is_control) => name,
        _ => {
            return Err(ApiError::invalid(format!(
                "a token's name has at most {MAX_NAME} printable characters"
            )));
        }
    };
    let now = Timestamp::now();
    let tokens = api.book.tokens();
    let good = tokens.iter().filter(|(_, t)| t.owner.as_ref() == Some(&owner.email) && t.is_good(now));
    if good.count() >= MAX_TOKENS_PER_OWNER {
        let message =
            format!("{} has {MAX_TOKENS_PER_OWNER} tokens; revoke some: roost tokens list", owner.email);
        return Err(ApiError::invalid(message));
    }
    let token = new_token();
    let record = TokenRecord {
        id: Ulid::generate(),
        name: name.to_owned(),
        scope,
        owner: Some(owner.email.clone()),
        created_at: now,
        expires_at: Some(now + life),
        revoked: None,
    };
    let revision = api.store.add_token(&key::token(&hash(&token)), &record).await?;
    api.book.reach(revision).await?;
    tracing::info!(token = %record.id, kind = record.scope.kind(), owner = %owner.email, "token made");
    Ok(Created { token, record })
}

/// Tokens of an org and of its apps, newest first; the caller must be allowed to read the org.
pub fn of_org(api: &Api, caller: &Caller, org: &OrgRecord) -> Result<Vec<Arc<TokenRecord>>> {
    caller.check_org(OrgRight::Read, org)?;
    let belongs = |token: &TokenRecord| match &token.scope {
        TokenScope::Org { number, .. } | TokenScope::OrgReadOnly { number, .. } => *number == org.number,
        TokenScope::Deploy { org: slug, .. } | TokenScope::MachineExec { org: slug, .. } => *slug == org.slug,
        TokenScope::Admin | TokenScope::User => false,
    };
    Ok(listed(api, belongs))
}

/// Tokens of an app, newest first; the caller must be allowed to read it.
pub fn of_app(api: &Api, caller: &Caller, app: &AppRecord) -> Result<Vec<Arc<TokenRecord>>> {
    caller.check_app(AppRight::Read, app)?;
    Ok(listed(api, |token| token.scope.app() == Some((&app.name, app.number))))
}

/// The caller's own tokens; every token for an administrator of the server.
pub fn own(api: &Api, caller: &Caller) -> Result<Vec<Arc<TokenRecord>>> {
    let person = caller.person()?;
    let all = caller.administers_server();
    Ok(listed(api, |token| all || token.owner.as_ref() == Some(&person.email)))
}

fn listed(api: &Api, asked: impl Fn(&TokenRecord) -> bool) -> Vec<Arc<TokenRecord>> {
    let tokens = api.book.tokens().into_iter().map(|(_, token)| token);
    let mut tokens: Vec<_> = tokens.filter(|token| asked(token)).collect();
    tokens.sort_by_key(|token| std::cmp::Reverse(token.id));
    tokens
}

/// Revokes a token, at once. Its owner may, an admin of its org, an administrator of the server; and
/// whoever shows the token itself. Repeatable.
pub async fn revoke(api: &Api, caller: &Caller, id: &str) -> Result<Arc<TokenRecord>> {
    let found =
        id.parse::<Ulid>().ok().and_then(|id| api.book.tokens().into_iter().find(|(_, t)| t.id == id));
    let (key, token) = found.filter(|(_, token)| may_revoke(api, caller, token)).ok_or_else(|| {
        let message =
            format!("there is no token with the id \"{id}\"; `roost tokens list` shows those there are");
        ApiError::new(ErrorCode::NotFound, message)
    })?;
    let revocation = Revocation { at: Timestamp::now(), by: caller.name.clone() };
    let revision = api
        .store
        .change_token(&key, |token| {
            token.revoked.get_or_insert(revocation.clone());
        })
        .await?;
    api.book.reach(revision).await?;
    tracing::info!(token = %token.id, "token revoked");
    Ok(token)
}

fn may_revoke(api: &Api, caller: &Caller, token: &TokenRecord) -> bool {
    if caller.administers_server() || caller.tokens().any(|own| own.id == token.id) {
        return true;
    }
    if let (Ok(person), Some(owner)) = (caller.person(), &token.owner)
        && person.email == *owner
    {
        return true;
    }
    let org = match &token.scope {
        TokenScope::Deploy { org, .. } | TokenScope::MachineExec { org, .. } => Some(org.as_str()),
        scope => scope.org().map(|(slug, _)| slug),
    };
    let org = org.and_then(|slug| api.book.org(slug));
    org.is_some_and(|org| caller.may_org(OrgRight::Manage, &org))
}

async fn app_to_change(api: &Api, caller: &Caller, app: &AppName) -> Result<AppRecord> {
    let app = api.store.app(app).await?.record;
    caller.check_app(AppRight::Write, &app)?;
    Ok(app)
}

fn check_commands(commands: &[AllowedCommand]) -> Result<()> {
    if commands.len() > MAX_COMMANDS || commands.iter().any(|command| command.args.is_empty()) {
        return Err(ApiError::invalid(format!(
            "a token lists at most {MAX_COMMANDS} commands, each with at least one argument"
        )));
    }
    Ok(())
}

/// `720h`, or nothing for the default.
fn life(expiry: &str) -> Result<Duration> {
    if expiry.is_empty() {
        return Ok(DEFAULT_LIFE);
    }
    let life: GoDuration = expiry.parse().map_err(|e| ApiError::invalid(format!("expiry: {e}")))?;
    match life.0 {
        life if life.is_zero() => Ok(DEFAULT_LIFE),
        life if life <= MAX_LIFE => Ok(life),
        _ => Err(ApiError::invalid("expiry: a token lives at most 20 years (175200h)")),
    }
}
