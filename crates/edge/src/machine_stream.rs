//! A connection to a machine, which counts for its app until it is closed.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use roost_routing::Traffic;
use tokio::net::TcpStream;

pub(crate) struct MachineStream {
    pub tcp: TcpStream,
    pub counted: Counted,
}

/// To be kept with the stream.
#[derive(Debug)]
pub(crate) struct Counted(Arc<Traffic>);

impl Counted {
    /// One more connection of the app, which took so long to make.
    pub fn new(app: &Arc<Traffic>, took: Duration) -> Self {
        app.counts().connects.count(took);
        Self(app.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.counts().disconnects.fetch_add(1, Ordering::Relaxed);
    }
}
