//! Which app may send requests to which.

use roost_model::NetworkId;

/// Where an app lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Home<'a> {
    pub org: &'a str,
    pub network: NetworkId,
    /// The network is the org's first one, where apps live for which nobody asked for another.
    pub in_default_network: bool,
}

impl Home<'_> {
    /// Apps of one network may, and those of an org's default network to all of the org: networks of their own
    /// are for apps that the others, but not each other, trust.
    pub fn may_send_to(&self, other: &Self) -> bool {
        self.org == other.org && (self.network == other.network || self.in_default_network)
    }
}
