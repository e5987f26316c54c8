//! The edge's own interface: tells the other roles of its box how busy a machine is.
//!
//! A deploy asks before it stops a machine, so that no request is cut, and has WebSockets end; who orders a
//! certificate asks whether the proof is there before the authority looks.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use roost_catalog::Catalog;
use roost_edge_api::{MachineLoad, ShownChallenge};
use roost_model::{AppName, MachineId};
use tokio::net::UnixListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

/// Answers on `listener` until `shutdown`.
pub async fn serve_loads(listener: UnixListener, catalog: Catalog, shutdown: CancellationToken) {
    let connections = TaskTracker::new();
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "the edge's socket failed");
                tokio::time::sleep(crate::limits::RECHECK).await;
                continue;
            }
        };
        let (catalog, shutdown) = (catalog.clone(), shutdown.clone());
        connections.spawn(async move {
            let service = service_fn(|request| {
                let answer = answer(&catalog, &request);
                async { Ok::<_, Infallible>(answer) }
            });
            let mut http = http1::Builder::new();
            let serving = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
            if let Some(Err(error)) = shutdown.run_until_cancelled(serving).await {
                debug!(%error, "a connection to the edge's socket broke");
            }
        });
    }
}

fn answer(catalog: &Catalog, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let body = match *request.method() {
        Method::GET => body(catalog, request.uri().path()),
        Method::POST => drain(catalog, request.uri().path()),
        _ => None,
    };
    match body {
        Some(body) => {
            let json = (header::CONTENT_TYPE, "application/json");
            Response::builder().header(json.0, json.1).body(Full::from(body)).unwrap_or_default()
        }
        None => {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    }
}

fn body(catalog: &Catalog, path: &str) -> Option<Vec<u8>> {
    if let Some((app, machine)) = machine_of(path, "/load") {
        return serde_json::to_vec(&load_of(catalog, &app, &machine)).ok();
    }
    let hostname = path.strip_prefix("/v1/challenges/")?;
    let token = catalog.load().challenge(hostname)?.token.clone();
    serde_json::to_vec(&ShownChallenge { token }).ok()
}

fn drain(catalog: &Catalog, path: &str) -> Option<Vec<u8>> {
    let (app, machine) = machine_of(path, "/drain")?;
    if let Some(target) = catalog.load().app(&app).and_then(|app| app.target(&machine)) {
        target.load.ask_to_drain();
    }
    serde_json::to_vec(&load_of(catalog, &app, &machine)).ok()
}

fn machine_of(path: &str, call: &str) -> Option<(AppName, MachineId)> {
    let (app, machine) = path.strip_prefix("/v1/apps/")?.strip_suffix(call)?.split_once("/machines/")?;
    Some((app.parse().ok()?, machine.parse().ok()?))
}

fn load_of(catalog: &Catalog, app: &AppName, machine: &MachineId) -> MachineLoad {
    let snapshot = catalog.load();
    match snapshot.app(app).and_then(|app| app.target(machine)) {
        Some(target) => MachineLoad { in_flight: target.load.in_flight(), cordoned: target.cordoned },
        None => MachineLoad { in_flight: 0, cordoned: true },
    }
}
