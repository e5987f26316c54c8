//! A request's place in a machine: counted in when it is admitted, out when its answer has ended.

use std::sync::Arc;

use roost_catalog::AppEntry;
use roost_model::{AppName, HttpOptions, statics::STATICS_PORT};
use roost_routing::{Counts, Refused, Route, Target, Traffic};

use crate::{context::Edge, failure::Failure};

/// Held for as long as anything of the request or its tunnel is under way.
pub(crate) struct Permit {
    edge: Arc<Edge>,
    app: AppName,
    target: Arc<Target>,
    traffic: Arc<Traffic>,
    route: usize,
    /// Of the machine: the service's, or where it serves its statics.
    port: u16,
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
        let port = target.routes[route].internal_port;
        Ok(Self { edge, app, target, traffic, route, port })
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

    pub fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// The options of HTTP of the public port that the request came to.
    pub fn http(&self, public_port: u16) -> Option<&Arc<HttpOptions>> {
        self.route().http(public_port)
    }

    /// The port of the machine that the request goes to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The request is for a file that the machine serves without the app.
    pub fn for_statics(self) -> Self {
        let mut permit = self;
        permit.port = STATICS_PORT;
        permit
    }

    /// Tells the app's owner how what this is for ended.
    pub fn tell(&self, failure: &Failure) {
        self.edge.app_log.tell(&self.app, Some(&self.target.id), failure.to_string());
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
