//! What each kind of token allows. Pure: it is given what is known.
//!
//! | token | its app, or the apps of its org | the org |
//! |---|---|---|
//! | admin, or a login of an administrator | all | all |
//! | login | all, in orgs of which the owner is a member | see, read, write; manage as its admin |
//! | org | all | see, read, write |
//! | org, read-only | see, read | see, read |
//! | deploy | all but delete | see |
//! | machine exec | see, exec | see |
//! | (a machine, without a token) | see | |
//!
//! No token may do what its owner may not: it ends with the owner's membership.

use std::fmt;

use roost_records::{AppRecord, MemberRole, OrgRecord, TokenRecord, TokenScope};

use super::{Book, Who};

/// What can be done with an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AppRight {
    /// The app itself and its machines.
    See,
    /// All else there is to read: releases, logs, names of secrets.
    Read,
    /// Change it: deploys, machines, secrets, volumes.
    Write,
    /// Run commands in its machines.
    Exec,
    Delete,
}

/// What can be done with an org.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrgRight {
    /// Its name.
    See,
    /// Its members, tokens and apps.
    Read,
    /// Make apps in it.
    Write,
    /// Say who belongs to it, delete it, read its audit trail.
    Manage,
}

pub fn administers_server(token: &TokenRecord, book: &Book) -> bool {
    match token.scope {
        TokenScope::Admin | TokenScope::User => owner_administers(token, book),
        _ => false,
    }
}

pub fn may_org(who: &Who, right: OrgRight, org: &OrgRecord, book: &Book) -> bool {
    let Who::Token(token) = who else { return false };
    let see = right == OrgRight::See;
    match &token.scope {
        TokenScope::Admin => administers_server(token, book),
        TokenScope::User => match owner_role(token, &org.slug, book) {
            Some(MemberRole::Admin) => true,
            Some(MemberRole::Member) => right != OrgRight::Manage,
            None => false,
        },
        TokenScope::Org { org: slug, number } => {
            is_org(org, slug, *number) && owner_belongs(token, slug, book) && right != OrgRight::Manage
        }
        TokenScope::OrgReadOnly { org: slug, number } => {
            is_org(org, slug, *number)
                && owner_belongs(token, slug, book)
                && matches!(right, OrgRight::See | OrgRight::Read)
        }
        TokenScope::Deploy { org: slug, .. } | TokenScope::MachineExec { org: slug, .. } => {
            see && *slug == org.slug && owner_belongs(token, slug, book)
        }
    }
}

pub fn may_app(who: &Who, right: AppRight, app: &AppRecord, book: &Book) -> bool {
    let token = match who {
        Who::Token(token) => token,
        Who::Machine(identity) => return identity.app == app.name && right == AppRight::See,
    };
    let belongs = || owner_belongs(token, &app.org, book);
    let of_org = |slug: &str, number| {
        slug == app.org && book.org(slug).is_some_and(|org| org.number == number) && belongs()
    };
    match &token.scope {
        TokenScope::Admin => administers_server(token, book),
        TokenScope::User => belongs(),
        TokenScope::Org { org, number } => of_org(org, *number),
        TokenScope::OrgReadOnly { org, number } => {
            of_org(org, *number) && matches!(right, AppRight::See | AppRight::Read)
        }
        TokenScope::Deploy { app: name, number, .. } => {
            is_app(app, name, *number) && belongs() && right != AppRight::Delete
        }
        TokenScope::MachineExec { app: name, number, .. } => {
            is_app(app, name, *number) && belongs() && matches!(right, AppRight::See | AppRight::Exec)
        }
    }
}

/// Whether the token's list of commands, if it has one, names the command. The empty one is named by no
/// list.
pub fn allows_command(token: &TokenRecord, argv: &[String]) -> bool {
    match &token.scope {
        TokenScope::MachineExec { commands, .. } if !commands.is_empty() => {
            !argv.is_empty() && commands.iter().any(|command| command.allows(argv))
        }
        _ => true,
    }
}

fn is_org(org: &OrgRecord, slug: &str, number: u64) -> bool {
    org.slug == slug && org.number == number
}

fn is_app(app: &AppRecord, name: &roost_model::AppName, number: u64) -> bool {
    app.name == *name && app.number == number
}

fn owner_belongs(token: &TokenRecord, org: &str, book: &Book) -> bool {
    owner_role(token, org, book).is_some()
}

/// An administrator of the server is one of every org.
fn owner_role(token: &TokenRecord, org: &str, book: &Book) -> Option<MemberRole> {
    if owner_administers(token, book) {
        return Some(MemberRole::Admin);
    }
    book.role(org, token.owner.as_ref()?)
}

/// The server itself counts as one.
fn owner_administers(token: &TokenRecord, book: &Book) -> bool {
    token.owner.as_ref().is_none_or(|email| book.user(email).is_some_and(|user| user.administrator))
}

impl fmt::Display for AppRight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::See => "see app",
            Self::Read => "read releases, logs and secrets of app",
            Self::Write => "change app",
            Self::Exec => "run commands in app",
            Self::Delete => "delete app",
        })
    }
}

impl fmt::Display for OrgRight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::See => "see organization",
            Self::Read => "list what belongs to organization",
            Self::Write => "make apps or tokens in organization",
            Self::Manage => "manage members and the audit trail of organization",
        })
    }
}
