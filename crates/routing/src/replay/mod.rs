//! What an app asks for with `fly-replay`: that its request be served somewhere else.
//!
//! Responsible for: reading both forms of the wish ([`Replay::from_header`], [`Replay::from_json`]), turning it into
//! a leg of the request's way ([`Chain`]), the bound on loops, the way back when it fails, which app may send
//! requests to which ([`Home::may_send_to`]), and the patterns of the replay cache ([`Scope`]).
//!
//! Not responsible for: carrying a request anywhere, and remembering replays.

mod cache;
mod chain;
mod header;
mod home;
mod json;
mod transform;

use std::time::Duration;

use roost_model::{AppName, MachineId};

pub use self::{
    cache::{CacheRule, Keep, LONGEST_TTL, Scope, SessionKey},
    chain::{Chain, Leg, MAX_REPLAYS, Missed, Refused, Stand, Told},
    header::CacheHeaders,
    home::Home,
    json::{CONTENT_TYPE, MAX_BODY},
    transform::Transform,
};
use crate::{Place, Steering};

/// Most regions that one replay may name: more than there are.
const MAX_PLACES: usize = 64;

/// Longest `state`, in bytes: it comes back in a request header, beside all others.
const MAX_STATE: usize = 4096;

/// A wish of an app about its own request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replay {
    /// In this order; empty: anywhere.
    pub places: Vec<Place>,
    /// That machine and no other.
    pub instance: Option<MachineId>,
    /// That machine if it can be had.
    pub prefer_instance: Option<MachineId>,
    /// The same app when absent.
    pub app: Option<AppName>,
    /// Comes back to the app in `fly-replay-src`.
    pub state: Option<String>,
    /// Any machine but the one that asks.
    pub elsewhere: bool,
    /// Until a machine has been reached.
    pub timeout: Option<Duration>,
    /// Where the request goes when no machine could be reached.
    pub fallback: Option<Fallback>,
    pub transform: Transform,
    /// Whether later requests go the same way without asking.
    pub keep: Option<Keep>,
}

/// The way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// To the machine that asked for the replay.
    ForceSelf,
    /// To that one if it can be had, else to any of its app.
    PreferSelf,
}

/// Why a wish cannot be read, in words for the app's developer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(String);

impl Invalid {
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }

    fn field(name: &str, why: impl std::fmt::Display) -> Self {
        Self(format!("{name}: {why}"))
    }
}

impl Replay {
    /// Where the request goes from `from`, whatever its client wished for.
    pub fn steering(&self, from: &MachineId) -> Steering {
        Steering {
            force_instance: self.instance.clone(),
            prefer_instance: self.prefer_instance.clone(),
            force_regions: self.places.clone(),
            prefer_regions: self.places.clone(),
            elsewhere_than: self.elsewhere.then(|| from.clone()),
        }
    }

    /// Nothing in it is about one request alone, so that it can be kept for others.
    pub fn can_be_kept(&self) -> bool {
        self.state.is_none()
            && self.timeout.is_none()
            && self.fallback.is_none()
            && self.transform == Transform::default()
    }

    /// The rules that both forms share.
    fn checked(self) -> Result<Self, Invalid> {
        if self.instance.is_some() && self.prefer_instance.is_some() {
            return Err(Invalid::new("instance and prefer_instance exclude each other"));
        }
        if self.keep.as_ref().is_some_and(|keep| matches!(keep, Keep::For { .. })) && !self.can_be_kept() {
            return Err(Invalid::new("a replay that is kept has no state, timeout, fallback or transform"));
        }
        Ok(self)
    }
}

fn places<'a>(list: impl Iterator<Item = &'a str>) -> Result<Vec<Place>, Invalid> {
    let names = list.map(str::trim).filter(|name| !name.is_empty());
    let mut places = Vec::new();
    for name in names {
        if places.len() == MAX_PLACES {
            return Err(Invalid::field("region", format_args!("more than {MAX_PLACES} of them")));
        }
        places.push(name.parse().map_err(|error| Invalid::field("region", error))?);
    }
    match places.is_empty() {
        true => Err(Invalid::field("region", "names none")),
        false => Ok(places),
    }
}

fn state(text: &str) -> Result<String, Invalid> {
    if text.len() > MAX_STATE {
        return Err(Invalid::field("state", format_args!("is longer than {MAX_STATE} bytes")));
    }
    match text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        true => Ok(text.to_owned()),
        false => Err(Invalid::field("state", "comes back in a header and must be printable ASCII")),
    }
}

/// `800ms`, `10s`, `1m`.
fn duration(name: &str, text: &str) -> Result<Duration, Invalid> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 =
        number.parse().map_err(|_| Invalid::field(name, "is no duration such as 800ms or 10s"))?;
    let millis = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1000),
        "m" => number.checked_mul(60_000),
        _ => None,
    };
    let millis = millis.ok_or_else(|| Invalid::field(name, "is no duration such as 800ms or 10s"))?;
    Ok(Duration::from_millis(millis))
}

fn fallback(text: &str) -> Result<Fallback, Invalid> {
    match text {
        "force_self" => Ok(Fallback::ForceSelf),
        "prefer_self" => Ok(Fallback::PreferSelf),
        _ => Err(Invalid::field("fallback", "is force_self or prefer_self")),
    }
}
