//! What the directory holds: the keys, and the JSON record under each.
//!
//! | key | record | changes |
//! |---|---|---|
//! | `orgs/<slug>` | [`OrgRecord`] | |
//! | `networks/<org>/<name>` | [`NetworkRecord`] | never |
//! | `apps/<app>` | [`AppRecord`] | when a deploy ends, when counts are set |
//! | `releases/<app>/<version>` | [`ReleaseRecord`] | never |
//! | `deploys/<app>/<number>` | [`DeployRecord`] | with every step, by the deploy's owner |
//! | `deploy-locks/<app>` | [`DeployLock`] | there while a deploy runs |
//! | `deploy-owners/<app>` | [`DeployOwner`] | leased: the api that executes the deploy |
//! | `secrets/<app>/<version>` | [`SecretsRecord`] | never: a change makes the next version |
//! | `tokens/<sha256 of the token>` | [`TokenRecord`] | |
//! | `hosts/<id>` | [`HostRecord`] | when a host comes up differently |
//! | `counters/<name>` | a number | with each one taken |
//!
//! Only the api writes. Numbers in keys have leading zeros, so that keys sort as they count.
//! Machines are not here: their hosts own them.

mod app;
mod deploy;
mod host;
pub mod key;
mod org;
mod record;
mod release;
mod secret;
mod token;

pub use self::{
    app::AppRecord,
    deploy::{DeployLock, DeployOwner, DeployRecord, RolloutRecord, StepProgress},
    host::HostRecord,
    org::{DEFAULT_NETWORK, NetworkRecord, OrgRecord},
    record::{Corrupt, Record, Stored},
    release::{ReleaseReason, ReleaseRecord},
    secret::{SecretsRecord, StoredSecret},
    token::{TokenRecord, TokenScope},
};
