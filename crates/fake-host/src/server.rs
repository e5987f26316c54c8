//! The "guest" of a fake machine: an HTTP server whose connections break when it is dropped.

use std::{io, net::SocketAddr};

use axum::Router;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    net::TcpListener,
    task::{AbortHandle, JoinSet},
};

/// Dropping it closes the listener and every connection at once.
pub(crate) struct AppServer(AbortHandle);

impl AppServer {
    pub fn start(address: SocketAddr, router: Router) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        Ok(Self(tokio::spawn(serve(listener, router)).abort_handle()))
    }
}

impl Drop for AppServer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The set is dropped with the task, and aborts the connections in it.
async fn serve(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                let service = TowerToHyperService::new(router.clone());
                let http = hyper::server::conn::http1::Builder::new();
                connections.spawn(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
