//! The read model of the platform: what was declared and what runs, merged into one immutable
//! snapshot that api, edge and dns read.
//!
//! Responsible for: following the directory (apps, their addresses, names and certificates) and every host's watch stream (machines), merging
//! both into a [`Snapshot`] that is swapped whole, marking hosts that fell silent, and saving what it
//! knows for a warm start. Readers take no lock.
//!
//! Not responsible for: being right. A snapshot is a copy that knows its age; whoever owns a thing
//! decides when asked.
//!
//! ```text
//!  directory ──watch──► follow_directory ─┐
//!  host A ──stream────► follow_host ──────┼─► State (one writer at a time) ──swap──► Snapshot ──► readers
//!  host B ──stream────► follow_host ──────┘                                  └─────► saved to disk
//! ```

mod addresses;
mod catalog;
mod derive;
mod follow_directory;
mod follow_host;
mod machine_entry;
mod names;
mod run;
mod saved;
mod snapshot;
mod state;
mod table;

pub use catalog::{Catalog, CatalogConfig, CatalogError, Changes};
pub use machine_entry::{Ending, Labels, MachineEntry};
pub use names::{Challenge, NameEntry, SealedCertificate};
pub use snapshot::{AppEntry, AppRecord, HostEntry, PortHolder, Ports, Snapshot};
pub use state::Change;
