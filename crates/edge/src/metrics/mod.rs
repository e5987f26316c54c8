//! What the edge has counted, for Prometheus to scrape.
//!
//! Responsible for: the listener, and the page (`page`). The counters of apps are in the catalog's snapshot
//! ([`roost_routing::Traffic`]), those of the node here. Names and labels are Fly's, where it has one.

mod handshakes;
mod page;

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use roost_routing::Histogram;
use tokio::{net::TcpListener, sync::Semaphore, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use self::handshakes::FailedHandshakes;
use crate::{client::TlsVersion, context::Edge};

const PATH: &str = "/metrics";

/// Scrapes at once: one server, its twin, and a curious person.
const MAX_SCRAPERS: usize = 8;

/// Before the next try to open the listener: another process that is about to end may have it.
const OPEN_AGAIN: Duration = Duration::from_secs(1);

/// Counters of the node, beside those of [`Arrivals`](crate::arrivals::Arrivals).
#[derive(Debug, Default)]
pub(crate) struct NodeCounts {
    pub handshakes_failed: FailedHandshakes,
    pub handshakes_1_2: Histogram,
    pub handshakes_1_3: Histogram,
}

impl NodeCounts {
    pub fn handshake(&self, version: TlsVersion, took: Duration) {
        match version {
            TlsVersion::V1_2 => self.handshakes_1_2.count(took),
            TlsVersion::V1_3 => self.handshakes_1_3.count(took),
        }
    }
}

/// Serves the page until `shutdown`. An address that cannot be had is tried again and again: to be scraped is not
/// worth an end.
pub(crate) async fn serve(edge: Arc<Edge>, address: SocketAddr, shutdown: CancellationToken) {
    let _ = shutdown.clone().run_until_cancelled(serve_forever(edge, address)).await;
}

async fn serve_forever(edge: Arc<Edge>, address: SocketAddr) {
    let listener = open(address).await;
    let room = Arc::new(Semaphore::new(MAX_SCRAPERS));
    while let Ok(permit) = room.clone().acquire_owned().await {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "cannot accept a scrape");
                sleep(OPEN_AGAIN).await;
                continue;
            }
        };
        let edge = edge.clone();
        edge.tasks.clone().spawn(async move {
            let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
                let response = answer(&edge, request.uri().path());
                async { Ok::<_, Infallible>(response) }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).keep_alive(false);
            if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
                debug!(%error, "a scrape broke");
            }
            drop(permit);
        });
    }
}

async fn open(address: SocketAddr) -> TcpListener {
    let mut told = false;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => {
                info!(%address, "metrics of the edge");
                return listener;
            }
            Err(error) if !told => {
                warn!(%address, %error, "metrics of the edge cannot be served; trying again ([edge] metrics)");
                told = true;
            }
            Err(_) => {}
        }
        sleep(OPEN_AGAIN).await;
    }
}

fn answer(edge: &Edge, path: &str) -> Response<Full<Bytes>> {
    if path != PATH {
        let mut response = Response::new(Full::from(format!("The metrics are at {PATH}.\n")));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    }
    let mut response = Response::new(Full::from(page::of(edge)));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
