//! The roles that run, and how they are ended.

use std::{collections::BTreeMap, future::Future, time::Duration};

use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

/// Time for requests in flight when the server stops; systemd's own limit is longer.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// One task for each part; all of them hold [`Running::shutdown`].
#[derive(Default)]
pub struct Running {
    tasks: JoinSet<anyhow::Result<()>>,
    names: BTreeMap<Id, &'static str>,
    shutdown: CancellationToken,
}

impl Running {
    /// Cancelled when the server stops.
    pub fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Runs a part; its end, whatever the result, ends the server.
    pub fn add(
        &mut self,
        name: &'static str,
        part: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        let handle = self.tasks.spawn(part);
        self.names.insert(handle.id(), name);
    }

    /// Waits for the first part that ends although nobody asked.
    pub async fn first_end(&mut self) -> (&'static str, anyhow::Result<()>) {
        match self.tasks.join_next_with_id().await {
            Some(Ok((id, result))) => (self.name(id), result),
            Some(Err(panic)) => (self.name(panic.id()), Err(panic.into())),
            None => std::future::pending().await,
        }
    }

    /// Asks every part to end and waits, within bounds.
    pub async fn stop(mut self) {
        self.end();
        self.all_ended(STOP_TIMEOUT).await;
    }

    /// Asks every part to end.
    pub fn end(&self) {
        self.shutdown.cancel();
    }

    /// Waits for all of them, at most for `limit`.
    pub async fn all_ended(&mut self, limit: Duration) {
        let all_ended = async {
            while let Some(ended) = self.tasks.join_next_with_id().await {
                if let Ok((id, Err(error))) = ended {
                    tracing::warn!(part = self.names.get(&id), error = format!("{error:#}"), "ended badly");
                }
            }
        };
        if tokio::time::timeout(limit, all_ended).await.is_err() {
            tracing::warn!("some requests were still in flight; ending anyway");
        }
    }

    fn name(&self, id: Id) -> &'static str {
        self.names.get(&id).copied().unwrap_or("unnamed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_part_that_ends_is_named() {
        let mut running = Running::default();
        let shutdown = running.shutdown();
        running.add("edge", async move {
            shutdown.cancelled().await;
            Ok(())
        });
        running.add("dns", async { anyhow::bail!("port taken") });
        let (name, result) = running.first_end().await;
        assert_eq!((name, result.unwrap_err().to_string().as_str()), ("dns", "port taken"));
        running.stop().await;
    }
}
