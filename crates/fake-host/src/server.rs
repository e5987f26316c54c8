//! The "guest" of a fake machine: an HTTP server whose connections break when it is dropped.

use std::{io, net::SocketAddr};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
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
                connections.spawn(async move {
                    // HTTP/1.1, and HTTP/2 by prior knowledge.
                    let http = auto::Builder::new(TokioExecutor::new());
                    let _ = http.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
