//! The processes' output: from bytes in a pipe to numbered records that wait for the host.

mod buffer;
mod lines;
mod output;

pub use buffer::{LogBuffer, Next};
pub use lines::Lines;
pub use output::Output;
