//! Machines prove to others who they are: with OpenID Connect tokens that this api signs.
//!
//! Responsible for: the signing keys and their rotation, the tokens, and what is published for those who
//! check them, under an issuer URL for each org. Not responsible for who a machine is: its host vouches
//! for it, on the socket of [`crate::machine_door`].

mod claims;
mod http;
mod keys;

pub use self::{
    http::{public_routes, routes},
    keys::{IdentityKeys, KeyError, keep_rotating},
};
