//! Which machine a request goes to, and which machine may sleep: the rules, without any IO.
//!
//! Responsible for: finding the app that a host name names, the service that answers a public port,
//! and among the app's machines the one that should serve ([`choose`]) or the ones that nobody
//! needs ([`sleep`]), and what becomes of a request that its app wants served elsewhere ([`replay`]).
//! Everything that the rules look at comes in as a value: the app's machines
//! ([`App`]), where the asker stands ([`Vantage`]), the time, the dice.
//!
//! Not responsible for: knowing the machines (the catalog does), connecting, waking or stopping them
//! (the edge does). The only things here that change under a reader are [`Load`], a machine's
//! count of requests in flight, and [`Traffic`], an app's counters.

mod app;
mod best;
mod binding;
mod choose;
mod connections;
mod load;
mod name;
mod place;
mod rate;
pub mod replay;
mod service;
pub mod sleep;
mod sources;
mod target;
mod traffic;
mod vantage;

pub use app::{App, Cohort};
pub use binding::{Binding, Over};
pub use choose::{Ask, Choice, Pending, Steering, Unavailable, choose};
pub use connections::{ClientPlace, Connections};
pub use load::{Load, LoadClass, Refused};
pub use name::{app_label, app_of_host, bare_host, is_within, wildcard_above};
pub use place::{Area, Place};
pub use rate::Rate;
pub use service::{Limits, PublicPort, Route};
pub use sources::Sources;
pub use target::{Health, Target, Traits};
pub use traffic::{Answers, Counts, Histogram, Traffic};
pub use vantage::Vantage;
