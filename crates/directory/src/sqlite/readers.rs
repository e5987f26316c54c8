//! A few connections that only read, beside the writer.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::schema;
use crate::{DirectoryError, Result};

/// Reads at the same time: they are short, and the file is mostly in the page cache.
const READERS: usize = 4;

pub struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Semaphore,
}

impl Readers {
    pub fn open(path: &Path) -> Result<Self> {
        let first = schema::open_reader(path)?;
        let idle = Arc::new(Mutex::new(vec![first]));
        Ok(Self { path: path.to_owned(), idle, permits: Semaphore::new(READERS) })
    }

    /// Runs `query` on a thread that may block.
    pub async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let _permit = self.permits.acquire().await.map_err(|e| DirectoryError::Unavailable(e.to_string()))?;
        let (idle, path) = (Arc::clone(&self.idle), self.path.clone());
        let work = move || {
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = kept.map_or_else(|| schema::open_reader(&path), Ok)?;
            let result = query(&connection);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            result
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| DirectoryError::Unavailable(e.to_string()))?
    }
}
