//! Waiting for a condition with a bound.

use std::time::{Duration, Instant};

/// Polls `probe` until it gives a value. Panics with `what` when the time is over.
pub async fn wait_until<T, F: Future<Output = Option<T>>>(
    what: &str,
    within: Duration,
    mut probe: impl FnMut() -> F,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(start.elapsed() < within, "{what}: not within {within:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
