//! The edge beside other proxies, and its routing beside its own limits.
//!
//! Responsible for: starting each proxy with the same work to do, loading it, and reading what the kernel counted.
//! Every program ends with one line, `result: key=value ...`. It links only the edge and what that stands on, so that a
//! change of the request path is measured minutes after it was written.

pub mod certificate;
pub mod counted;
pub mod edge;
pub mod load;
pub mod machine;
pub mod peer;
pub mod report;
pub mod row;
