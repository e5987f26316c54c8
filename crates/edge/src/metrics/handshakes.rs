//! TLS handshakes that failed, by the name that the client asked for.
//!
//! Anybody can ask for any name: only those of apps are told apart, and not more of them than a page has room for.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use roost_model::AppName;

use crate::{context::Edge, destination};

/// Names that are told apart, until the process ends; a line each.
const MAX_NAMES: usize = 1000;

#[derive(Debug, Default)]
pub(crate) struct FailedHandshakes {
    named: Mutex<BTreeMap<Box<str>, Failed>>,
    /// Without a name, for a name that is no app's, or beyond those that there is room for.
    pub others: AtomicU64,
}

#[derive(Debug, Clone)]
pub(super) struct Failed {
    /// Whose name it was when it was asked for first.
    pub app: AppName,
    pub count: u64,
}

impl FailedHandshakes {
    pub fn count(&self, edge: &Edge, name: Option<&str>) {
        if name.and_then(|name| self.count_named(edge, name)).is_none() {
            self.others.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn count_named(&self, edge: &Edge, name: &str) -> Option<()> {
        let app = destination::app_of_name(edge, name)?;
        edge.catalog.load().app(&app)?;
        let mut named = self.lock();
        if named.len() >= MAX_NAMES && !named.contains_key(name) {
            return None;
        }
        named.entry(name.into()).or_insert(Failed { app, count: 0 }).count += 1;
        Some(())
    }

    pub(super) fn by_name(&self) -> BTreeMap<Box<str>, Failed> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Box<str>, Failed>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
