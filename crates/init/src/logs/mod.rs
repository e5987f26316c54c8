//! The processes' output: from bytes in a pipe to numbered records that wait for the host.

mod buffer;
mod output;

pub use buffer::{LogBuffer, Next};
pub use output::Output;
