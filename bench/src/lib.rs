//! Measurements of the whole system, each beside what it is compared with in the same run.
//!
//! Every program ends with one line, `result: key=value ...`.

pub mod bare;
pub mod stats;
