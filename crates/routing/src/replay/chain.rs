//! The replays of one request, one after another.
//!
//! ```text
//!  machine ──fly-replay──► next leg ──reached──► machine ──fly-replay──► ... at most MAX_REPLAYS
//!     ▲                       │ not reached
//!     └──── way back, once ───┘ if the app asked for one
//! ```

use std::time::Duration;

use roost_model::{AppName, MachineId, Region};

use super::{Fallback, Replay, Transform};
use crate::Steering;

/// Most replays of one request: beyond, apps send it to each other in circles.
pub const MAX_REPLAYS: u32 = 10;

/// The machine that asks for a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    pub app: AppName,
    pub machine: MachineId,
    pub region: Region,
}

/// What a request has behind it.
#[derive(Debug, Default)]
pub struct Chain {
    replays: u32,
    /// Of the leg under way.
    way_back: Option<WayBack>,
    came_back: bool,
}

#[derive(Debug)]
struct WayBack {
    stand: Stand,
    fallback: Fallback,
    /// What `fly-replay-failed` says of where it should have gone.
    wanted: String,
}

/// Where the request goes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    pub app: AppName,
    pub steering: Steering,
    /// Until a machine has been reached.
    pub timeout: Option<Duration>,
    pub told: Told,
    pub transform: Transform,
}

/// What the next machine is told, as the value of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// `fly-replay-src`
    Source(String),
    /// `fly-replay-failed`
    Failed(String),
}

/// Why a machine could not be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    Timeout,
    RetriesExhausted,
    NoCandidate,
}

/// Why a replay is not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the request was replayed {MAX_REPLAYS} times already")]
    TooMany,
    #[error("the request came back from a replay that failed, and may not be replayed again")]
    CameBack,
}

impl Chain {
    /// The leg that `replay` asks for at `stand`, at `unix_micros` since 1970.
    pub fn next(&mut self, replay: Replay, stand: Stand, unix_micros: i64) -> Result<Leg, Refused> {
        if self.came_back {
            return Err(Refused::CameBack);
        }
        if self.replays == MAX_REPLAYS {
            return Err(Refused::TooMany);
        }
        self.replays += 1;
        let steering = replay.steering(&stand.machine);
        let source = source(&stand, replay.state.as_deref(), unix_micros);
        let wanted = wanted(&replay, &stand.app);
        let app = replay.app.unwrap_or_else(|| stand.app.clone());
        self.way_back = replay.fallback.map(|fallback| WayBack { stand, fallback, wanted });
        let told = Told::Source(source);
        Ok(Leg { app, steering, timeout: replay.timeout, told, transform: replay.transform })
    }

    /// The way back from a leg on which no machine was reached; `None`: there is none.
    pub fn missed(&mut self, why: Missed, after: Duration) -> Option<Leg> {
        let WayBack { stand, fallback, wanted } = self.way_back.take()?;
        self.came_back = true;
        let own = Some(stand.machine.clone());
        let steering = match fallback {
            Fallback::ForceSelf => Steering { force_instance: own, ..Steering::default() },
            Fallback::PreferSelf => Steering { prefer_instance: own, ..Steering::default() },
        };
        let (source, reason, elapsed) = (&stand.machine, why.as_str(), after.as_millis());
        let told = format!("{wanted};replay_source={source};reason={reason};elapsed_ms={elapsed}");
        let (told, transform) = (Told::Failed(told), Transform::default());
        Some(Leg { app: stand.app, steering, timeout: None, told, transform })
    }
}

impl Missed {
    fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::RetriesExhausted => "retries_exhausted",
            Self::NoCandidate => "no_candidate",
        }
    }
}

fn source(stand: &Stand, state: Option<&str>, unix_micros: i64) -> String {
    let Stand { machine, region, .. } = stand;
    let state = state.map(|state| format!(";state={state}")).unwrap_or_default();
    format!("instance={machine};region={region};t={unix_micros}{state}")
}

fn wanted(replay: &Replay, own: &AppName) -> String {
    let instance = replay.instance.as_ref().or(replay.prefer_instance.as_ref());
    let places: Vec<String> = replay.places.iter().map(ToString::to_string).collect();
    let instance = instance.map(|id| format!("instance={id};")).unwrap_or_default();
    let region = if places.is_empty() { String::new() } else { format!(";region={}", places.join(",")) };
    format!("{instance}app={}{region}", replay.app.as_ref().unwrap_or(own))
}
