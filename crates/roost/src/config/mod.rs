//! The server's configuration file, `/etc/roost/roost.toml` unless told otherwise.
//!
//! One struct a section; a section that belongs to one crate is that crate's own struct. Every key
//! has a default, so that an empty file is a working single box. Unknown keys are errors that name
//! the nearest known one. What a role needs at run time (paths, sockets) is derived in `server`.

mod parse;
mod role;
mod sections;

pub use parse::load;
pub use role::Role;
pub use sections::{LogFormat, LogSection, ServerConfig};

/// Where the file is looked for when `--config` names none.
pub const DEFAULT_PATH: &str = "/etc/roost/roost.toml";
