//! A task that ends with the value that stands for it.

use tokio::task::{JoinError, JoinHandle};

pub struct Job<T>(JoinHandle<T>);

impl<T: Send + 'static> Job<T> {
    pub fn spawn(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }

    /// Waits for the end; may be asked again if the wait was given up.
    pub async fn end(&mut self) -> Result<T, JoinError> {
        (&mut self.0).await
    }
}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
