//! The api: takes what people declare, and carries deploys out.
//!
//! Responsible for: the public API (Machines API, releases, secrets, logs), who may call it, the
//! records in the directory, resolving and collecting images, the platform's registry, executing deploys
//! step by step, and having certificates issued. Not responsible for: machines. Their hosts own them; the api asks.
//!
//! The story of a call: [`http::router`] → `auth::authenticate` → a handler (`apps`, `machines`,
//! `secrets`, `releases`, ...) → `store` (the directory) and the host's API. The story of a deploy:
//! `deploy::begin` records release, plan and lock in one transaction → `deploy::execute` goes
//! through the plan, each step recorded before it acts → `deploy::finish`. Whoever asked only
//! watches. After a restart, `deploy::supervise` finds what was begun and goes on.

mod access;
mod acme;
mod addresses;
mod api;
mod apps;
mod audit;
mod auth;
mod certificates;
mod client_releases;
mod collect;
mod config;
mod deploy;
mod deploys;
mod error;
mod graphql;
mod hosts;
mod http;
mod images;
mod login;
mod logs;
mod machine_door;
mod machines;
mod metrics;
mod oidc;
mod openapi;
mod orgs;
mod platform;
mod ports;
mod rate;
mod refused;
mod registration;
mod releases;
mod secret_keys;
mod secrets;
mod standing;
mod status;
mod store;
mod tokens;
mod ui_ex;
mod volumes;

pub use self::{
    acme::{AcmeConfig, Authority},
    api::{Api, ApiParts, OpenError},
    certificates::system_resolvers,
    config::ApiConfig,
    deploy::{CRASH_VARIABLE, CrashPoint},
    images::ImageResolver,
    rate::{Rate, RateLimits},
};
