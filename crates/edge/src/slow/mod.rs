//! Clients that are too slow, and those that stop: how long the edge waits for one, whatever the protocol.
//!
//! ```text
//!  uploads:  forward: the next piece of a body is asked for ─────────► Pace
//!  answers:  Drained: a socket that is full           ─► Wait ───────► Pace
//!            http2, http3: a stream without room      ─► Wait ───────► Pace
//! ```
//!
//! Responsible for: telling a slow client from one that holds a machine's place for nothing. Not responsible for: heads
//! and handshakes, which have limits of their own, and tunnels, whose ends may be silent for long: those end when nothing
//! has moved at all ([`crate::activity`]).

mod drained;
mod pace;
mod wait;

pub use self::pace::SlowClients;
pub(crate) use self::{
    drained::{Drained, Outflow},
    pace::Pace,
    wait::{Moved, TooSlow, Wait},
};
