//! Which deploys this process executes.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use roost_model::AppName;
use tokio_util::task::TaskTracker;

pub struct Deployer {
    /// Name of this node.
    pub node: String,
    apps: Mutex<HashSet<AppName>>,
    tasks: TaskTracker,
}

impl Deployer {
    pub fn new(node: &str) -> Self {
        Self { node: node.to_owned(), apps: Mutex::default(), tasks: TaskTracker::new() }
    }

    /// Starts `task` for the app unless one runs already.
    pub fn start(&self, app: &AppName, task: impl Future<Output = ()> + Send + 'static) {
        if !self.tasks.is_closed() && self.apps().insert(app.clone()) {
            self.tasks.spawn(task);
        }
    }

    /// The app's task has ended.
    pub fn ended(&self, app: &AppName) {
        self.apps().remove(app);
    }

    /// Waits for the tasks, which the server's shutdown ends between two steps or within one.
    pub async fn pause(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn apps(&self) -> std::sync::MutexGuard<'_, HashSet<AppName>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
