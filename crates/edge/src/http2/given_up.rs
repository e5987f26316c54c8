//! How many requests a client gives up before it could have an answer.
//!
//! Each makes work for an app, and none for the client. A few are usual, when somebody leaves a page; a client that does
//! little else is sent away.

use crate::limits::H2_GIVEN_UP;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Answered,
    /// The client took it back before it was.
    GivenUp,
}

/// Those of one connection; one that is answered makes up for one that is not.
#[derive(Debug, Default)]
pub(super) struct GivenUp(u32);

impl GivenUp {
    pub fn count(&mut self, ended: Ended) {
        self.0 = match ended {
            Ended::Answered => self.0.saturating_sub(1),
            Ended::GivenUp => self.0.saturating_add(1),
        };
    }

    pub fn are_too_many(&self) -> bool {
        self.0 > H2_GIVEN_UP
    }
}
