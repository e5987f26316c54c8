//! `fly.toml`: what people write about an app, and the machines that follow from it.
//!
//! Reads the TOML, JSON and YAML forms with the place of every value, so that an error points at
//! it; names unknown keys with the nearest known one; checks the whole. Writes machine
//! configurations from it. Reads no files: callers pass texts in.
//!
//! The story of a configuration:
//! 1. [`AppConfig::parse`] reads a text ([`read`]), or [`AppConfig::load`] reads and validates it;
//! 2. [`AppConfig::validate`] finds what each part alone cannot see;
//! 3. [`AppConfig::unacted`] names what is stored although nothing acts on it yet;
//! 4. [`AppConfig::machine_config`] gives a process group's machines.
//!
//! As JSON (serde) it is the form that releases store.

mod config;
mod diagnostic;
mod forms;
mod load;
mod machine;
mod read;
pub mod section;
mod unacted;
mod validate;
mod write;

pub use config::AppConfig;
pub use diagnostic::{ConfigError, Diagnostic, Location, Problem, Warning};
pub use forms::{Gigabytes, Megabytes, Millis, Seconds};
pub use load::{Format, Strictness};
pub use machine::{ProcessGroup, ReleaseMeta};
