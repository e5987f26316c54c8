//! What whole-system tests stand on: a `roost server` in a network of its own, images made from a
//! few files, and a steady load that counts what fails.
//!
//! Nothing here is used by the product. Everything that a test starts ends with the value that
//! stands for it, also when the test panics.

pub mod app;
pub mod base_images;
pub mod leftovers;
pub mod load;
pub mod netns;
pub mod oci;
pub mod relay;
pub mod server;
pub mod testapp;
pub mod wait;

pub use app::App;
pub use base_images::BaseImages;
pub use load::{Load, LoadReport};
pub use oci::OciImage;
pub use relay::{Moment, Relay};
pub use server::{Server, ServerOptions};
pub use wait::wait_until;
