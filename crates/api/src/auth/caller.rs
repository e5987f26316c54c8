//! Who calls, and what they may do.
//!
//! A call may show several tokens; it may do what any one of them allows. A machine that calls through
//! its own socket needs no token for what is its own.

use std::sync::Arc;

use roost_api_types::ErrorCode;
use roost_model::{AppName, MachineId};
use roost_records::{AppRecord, OrgRecord, TokenRecord, TokenScope, UserRecord};

use super::{AppRight, Book, OrgRight, rights};
use crate::error::{ApiError, Result};

/// There in every request that reaches a handler.
#[derive(Clone)]
pub struct Caller {
    /// Shown as the author of what the caller does: the address of a person who logged in, the name of
    /// any other token.
    pub name: String,
    who: Arc<[Who]>,
    book: Arc<Book>,
}

#[derive(Debug, Clone)]
pub enum Who {
    Token(Arc<TokenRecord>),
    Machine(MachineIdentity),
}

/// A machine, as its host vouches for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineIdentity {
    pub app: AppName,
    pub machine: MachineId,
}

impl Caller {
    /// `who` is not empty.
    pub fn new(who: Vec<Who>, book: Arc<Book>) -> Self {
        let name = match who.first() {
            Some(Who::Token(token)) => match (&token.scope, &token.owner) {
                (TokenScope::User, Some(email)) => email.to_string(),
                _ => token.name.clone(),
            },
            Some(Who::Machine(identity)) => format!("machine {}", identity.machine),
            None => String::new(),
        };
        Self { name, who: who.into(), book }
    }

    pub fn tokens(&self) -> impl Iterator<Item = &Arc<TokenRecord>> {
        self.who.iter().filter_map(|who| match who {
            Who::Token(token) => Some(token),
            Who::Machine(_) => None,
        })
    }

    /// The machine that calls through its own socket.
    pub fn machine(&self) -> Option<&MachineIdentity> {
        self.who.iter().find_map(|who| match who {
            Who::Machine(identity) => Some(identity),
            Who::Token(_) => None,
        })
    }

    /// Whose token it is: the owner of the first one; the server's first administrator for a token that
    /// the server made. Nobody for a machine.
    pub fn user(&self) -> Option<Arc<UserRecord>> {
        match &self.tokens().next()?.owner {
            Some(email) => self.book.user(email),
            None => {
                self.book.users().into_iter().filter(|user| user.administrator).min_by_key(|user| user.number)
            }
        }
    }

    /// The caller as a person: by a token that stands for its owner, not for an app or an org.
    pub fn person(&self) -> Result<Arc<UserRecord>> {
        let personal = self.tokens().any(|t| matches!(t.scope, TokenScope::Admin | TokenScope::User));
        self.user().filter(|_| personal).ok_or_else(|| {
            ApiError::new(
                ErrorCode::Forbidden,
                "this needs the token of a login, not one of an app or an org; run `roost auth login`",
            )
        })
    }

    pub fn administers_server(&self) -> bool {
        self.tokens().any(|token| rights::administers_server(token, &self.book))
    }

    pub fn may_org(&self, right: OrgRight, org: &OrgRecord) -> bool {
        self.who.iter().any(|who| rights::may_org(who, right, org, &self.book))
    }

    pub fn may_app(&self, right: AppRight, app: &AppRecord) -> bool {
        self.who.iter().any(|who| rights::may_app(who, right, app, &self.book))
    }

    /// Whether the command may be run in a machine of the app.
    pub fn may_run(&self, app: &AppRecord, argv: &[String]) -> bool {
        self.who.iter().any(|who| match who {
            Who::Token(token) => {
                rights::may_app(who, AppRight::Exec, app, &self.book) && rights::allows_command(token, argv)
            }
            Who::Machine(_) => false,
        })
    }

    /// Whether any command may be run, as in a session whose commands nobody reads.
    pub fn may_run_anything(&self, app: &AppRecord) -> bool {
        self.may_run(app, &[])
    }

    pub fn check_server(&self) -> Result<()> {
        match self.administers_server() {
            true => Ok(()),
            false => Err(ApiError::new(
                ErrorCode::Forbidden,
                "only an administrator of the server may do that; use the admin token",
            )),
        }
    }

    /// An org that the caller may not see is not there.
    pub fn check_org(&self, right: OrgRight, org: &OrgRecord) -> Result<()> {
        if self.may_org(right, org) {
            Ok(())
        } else if self.may_org(OrgRight::See, org) {
            let slug = &org.slug;
            Err(ApiError::new(ErrorCode::Forbidden, format!("this token may not {right} \"{slug}\"")))
        } else {
            Err(ApiError::no_org(&org.slug))
        }
    }

    /// An app that the caller may not see is not there.
    pub fn check_app(&self, right: AppRight, app: &AppRecord) -> Result<()> {
        if self.may_app(right, app) {
            Ok(())
        } else if self.may_app(AppRight::See, app) {
            let name = &app.name;
            Err(ApiError::new(ErrorCode::Forbidden, format!("this token may not {right} \"{name}\"")))
        } else {
            Err(ApiError::no_app(&app.name))
        }
    }
}
