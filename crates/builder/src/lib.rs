//! Dockerfile to image, with whatever builder is there: Docker with BuildKit, BuildKit alone,
//! buildah, or podman.
//!
//! Runs the builder's own program and follows its output; the image comes out as an OCI layout in a
//! folder. Pushes nothing: the layout's owner does.
//!
//! ```text
//!  find_dockerfile ──► Builder::find ──► Builder::build(request, layout, progress) ──► Built
//! ```

mod dockerfile;
mod error;
mod find;
mod ignore;
mod layout;
mod progress;
mod registries;
mod request;
mod run;
mod tool;

pub use dockerfile::{exposed_ports, find_dockerfile};
pub use error::BuildError;
pub use find::{Builder, Kind};
pub use layout::Built;
pub use progress::Progress;
pub use registries::{InvalidMirror, Mirror, Transport};
pub use request::{BuildRequest, BuildSecret, Cache, InvalidSecret};
