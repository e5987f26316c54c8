//! What every backend must do, as tests that any backend's own tests call.
//!
//! Each case gets a directory of its own (or a prefix of its own, where a fresh one is expensive:
//! no case looks outside the prefix it is given) and panics with what was wrong.

mod keys;
mod leases;
mod transactions;
mod watches;

use std::{future::Future, sync::Arc};

use crate::Directory;

/// A directory to test, and the prefix that all keys of the case must have.
pub struct Subject {
    pub directory: Arc<dyn Directory>,
    pub prefix: String,
}

impl Subject {
    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

/// Runs every case, each on a new subject.
///
/// # Panics
/// When the backend does not behave as the crate's header says.
pub async fn run<F: Future<Output = Subject>>(new_subject: impl Fn() -> F) {
    keys::run(&new_subject).await;
    transactions::run(&new_subject).await;
    watches::run(&new_subject).await;
    leases::run(&new_subject).await;
}
