//! WebSockets: asked for over HTTP/1.1 or HTTP/2, and told when the machine or the edge goes away.

mod carry;
mod extended;

pub(crate) use self::{carry::carry, extended::Extended};
