//! A watch: from the file until it has caught up, then live; back to the file when it fell behind.

use std::{collections::VecDeque, sync::Arc};

use futures::StreamExt;
use tokio::sync::broadcast::{self, error::RecvError};

use super::{readers::Readers, rows, transaction::Commit};
use crate::{DirectoryError, Event, Result, Revision, Watch, WatchBatch};

/// Revisions read from the file at once.
const HISTORY_PAGE: u64 = 256;

pub async fn start(
    readers: Arc<Readers>,
    commits: broadcast::Sender<Arc<Commit>>,
    prefix: String,
    from: Option<Revision>,
) -> Result<Watch> {
    // Subscribed first, so that no commit falls between reading the revision and listening.
    let live = commits.subscribe();
    let (revision, compacted) = positions(&readers).await?;
    let next = from.unwrap_or(revision + 1);
    if next <= compacted {
        return Err(DirectoryError::Compacted { requested: next, oldest: compacted + 1 });
    }
    let ready = VecDeque::new();
    let state = Follower { readers, live, prefix, next, behind: next <= revision, ready };
    let batches = futures::stream::unfold(Some(state), |state| async {
        let mut state = state?;
        match state.next_batch().await? {
            Ok(batch) => Some((Ok(batch), Some(state))),
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(batches.boxed())
}

struct Follower {
    readers: Arc<Readers>,
    live: broadcast::Receiver<Arc<Commit>>,
    prefix: String,
    /// Every change before this revision has been delivered or does not matter.
    next: Revision,
    /// The file has changes that `live` does not bring again.
    behind: bool,
    ready: VecDeque<WatchBatch>,
}

impl Follower {
    /// `None` when the directory was closed.
    async fn next_batch(&mut self) -> Option<Result<WatchBatch>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Some(Ok(batch));
            }
            if self.behind {
                if let Err(error) = self.catch_up().await {
                    return Some(Err(error));
                }
                continue;
            }
            match self.live.recv().await {
                Ok(commit) => self.take(&commit),
                Err(RecvError::Lagged(_)) => self.behind = true,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn take(&mut self, commit: &Commit) {
        if commit.revision < self.next {
            return;
        }
        self.next = commit.revision + 1;
        let under = |event: &&Event| event.key().starts_with(&self.prefix);
        let events: Vec<Event> = commit.events.iter().filter(under).cloned().collect();
        if !events.is_empty() {
            self.ready.push_back(WatchBatch { revision: commit.revision, events });
        }
    }

    /// Reads one page of history.
    async fn catch_up(&mut self) -> Result<()> {
        let (revision, compacted) = positions(&self.readers).await?;
        if self.next <= compacted {
            return Err(DirectoryError::Compacted { requested: self.next, oldest: compacted + 1 });
        }
        let (prefix, from) = (self.prefix.clone(), self.next);
        let to = revision.min(from + HISTORY_PAGE - 1);
        let page =
            self.readers.read(move |c| Ok((rows::history(c, &prefix, from, to)?, rows::compacted(c)?)));
        let (batches, compacted) = page.await?;
        // A compaction between the two readings may have taken part of the page.
        if from <= compacted {
            return Err(DirectoryError::Compacted { requested: from, oldest: compacted + 1 });
        }
        self.ready.extend(batches);
        self.next = self.next.max(to + 1);
        self.behind = to < revision;
        Ok(())
    }
}

/// The store's revision, and the newest one that was compacted.
async fn positions(readers: &Readers) -> Result<(Revision, Revision)> {
    readers.read(|c| Ok((rows::revision(c)?, rows::compacted(c)?))).await
}
