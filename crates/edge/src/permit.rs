//! A request's place in a machine: counted in when it is admitted, out when its answer has ended.

use std::sync::Arc;

use roost_catalog::AppEntry;
use roost_model::{AppName, HttpOptions};
use roost_routing::{Counts, Refused, Route, Target, Traffic};

use crate::context::Edge;

/// Held for as long as anything of the request or its tunnel is under way.
pub(crate) struct Permit {
    edge: Arc<Edge>,
    app: AppName,
    target: Arc<Target>,
    traffic: Arc<Traffic>,
    route: usize,
}

impl Permit {
    /// Counts the request in, unless the machine is full or being emptied.
    pub fn enter(
        edge: &Arc<Edge>,
        app: &AppEntry,
        target: &Arc<Target>,
        route: usize,
    ) -> Result<Self, Refused> {
        target.load.enter(target.routes[route].limits.hard)?;
        let traffic = app.traffic.clone();
        let (edge, app, target) = (edge.clone(), app.name.clone(), target.clone());
        Ok(Self { edge, app, target, traffic, route })
    }

    pub fn app(&self) -> &AppName {
        &self.app
    }

    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// The app's counters.
    pub fn counts(&self) -> &Counts {
        self.traffic.counts()
    }

    /// The options of HTTP of the public port that the request came to.
    pub fn http(&self, public_port: u16) -> Option<&Arc<HttpOptions>> {
        self.route().http(public_port)
    }

    pub fn route(&self) -> &Route {
        &self.target.routes[self.route]
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.target.load.leave(self.edge.now());
        self.edge.queues.room(&self.app);
    }
}
