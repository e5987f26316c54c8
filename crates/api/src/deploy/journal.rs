//! The deploy's record while it is executed: one task writes it, lanes send their changes.

use std::time::Duration;

use jiff::Timestamp;
use roost_api_types::{DeployStatus, StepState};
use roost_directory::{Compare, Op, Txn};
use roost_records::{DeployRecord, RolloutRecord, Stored, key};
use tokio::sync::{mpsc, oneshot};

use super::failure::Stop;
use crate::store::{Store, put};

/// At most one change for each lane is on its way.
const QUEUE: usize = 64;

/// How long a directory that does not answer holds the deploy up before it is left to be resumed.
const PATIENCE: Duration = Duration::from_secs(60);

const RETRY: Duration = Duration::from_millis(500);

type Edit = Box<dyn FnOnce(&mut DeployRecord) + Send>;
type Reply = oneshot::Sender<Result<DeployRecord, Stop>>;

/// A cheap handle on the record.
#[derive(Clone)]
pub struct Journal {
    edits: mpsc::Sender<(Edit, Reply)>,
    /// When the deploy began.
    pub began: Timestamp,
}

impl Journal {
    /// Starts the writing task, which ends with the last handle.
    pub fn open(store: Store, deploy: Stored<DeployRecord>, fence: Compare) -> Self {
        let (edits, queue) = mpsc::channel(QUEUE);
        let began = deploy.record.started_at;
        tokio::spawn(Writer { store, deploy, fence }.run(queue));
        Self { edits, began }
    }

    /// Applies a change; returns when it is in the directory.
    ///
    /// # Errors
    /// [`Stop::Lost`] when the deploy has another owner by now.
    pub async fn write(
        &self,
        edit: impl FnOnce(&mut DeployRecord) + Send + 'static,
    ) -> Result<DeployRecord, Stop> {
        let (reply, written) = oneshot::channel();
        self.edits.send((Box::new(edit), reply)).await.map_err(|_| Stop::Lost)?;
        written.await.map_err(|_| Stop::Lost)?
    }

    /// Records a step's state in the rollout that is being executed.
    pub async fn mark(&self, index: usize, state: StepState) -> Result<(), Stop> {
        self.write(move |deploy| mark(current(deploy), index, state)).await.map(drop)
    }

    pub async fn warn(&self, warning: String) -> Result<(), Stop> {
        let add = move |deploy: &mut DeployRecord| {
            if !deploy.warnings.contains(&warning) {
                deploy.warnings.push(warning);
            }
        };
        self.write(add).await.map(drop)
    }
}

/// The rollout that is being executed.
pub fn current(deploy: &mut DeployRecord) -> &mut RolloutRecord {
    match (deploy.status, &mut deploy.return_rollout) {
        (DeployStatus::Returning | DeployStatus::Returned, Some(rollout)) => rollout,
        _ => &mut deploy.rollout,
    }
}

fn mark(rollout: &mut RolloutRecord, index: usize, state: StepState) {
    let Some(progress) = rollout.progress.get_mut(index) else { return };
    let now = Some(Timestamp::now());
    progress.state = state;
    match state {
        StepState::Running => progress.started_at = progress.started_at.or(now),
        _ => progress.finished_at = now,
    }
}

struct Writer {
    store: Store,
    deploy: Stored<DeployRecord>,
    fence: Compare,
}

impl Writer {
    async fn run(mut self, mut queue: mpsc::Receiver<(Edit, Reply)>) {
        while let Some((edit, reply)) = queue.recv().await {
            edit(&mut self.deploy.record);
            let written = tokio::time::timeout(PATIENCE, self.write()).await.unwrap_or(Err(Stop::Lost));
            let lost = written.is_err();
            // A lane that was cancelled waits for no answer.
            let _ = reply.send(written.map(|()| self.deploy.record.clone()));
            if lost {
                return;
            }
        }
    }

    async fn write(&mut self) -> Result<(), Stop> {
        let key = key::deploy(&self.deploy.record.app, self.deploy.record.number);
        loop {
            let writes: [Op; 1] = [put(&key, &self.deploy.record)];
            let txn = Txn::always(writes).when(self.fence.clone()).when(Compare::present(&key));
            match self.store.directory.txn(txn).await {
                Ok(result) if result.succeeded => {
                    self.deploy.revision = result.revision;
                    return Ok(());
                }
                Ok(_) => return Err(Stop::Lost),
                Err(error) if error.is_transient() => tokio::time::sleep(RETRY).await,
                Err(error) => {
                    tracing::error!(%error, "a deploy could not be recorded");
                    return Err(Stop::Lost);
                }
            }
        }
    }
}
