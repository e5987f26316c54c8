//! The client against a server that records what it is asked.

use std::sync::{Arc, Mutex};

use hyper::{Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::UnixListener;

use super::*;

type Recorded = Arc<Mutex<Vec<(String, Value)>>>;

/// Refuses drives, accepts the rest.
struct FakeApi {
    folder: TempDir,
    recorded: Recorded,
}

impl FakeApi {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("run")).unwrap();
        let listener = UnixListener::bind(folder.path().join("run/api.sock")).unwrap();
        let recorded = Recorded::default();
        let log = recorded.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let log = log.clone();
                let service = service_fn(move |request| answer(request, log.clone()));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { folder, recorded }
    }

    fn client(&self) -> Client {
        Client::new(Within { root: self.folder.path().into(), inside: "run/api.sock".into() })
    }
}

async fn answer(
    request: hyper::Request<Incoming>,
    log: Recorded,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let call = format!("{} {}", request.method(), request.uri().path());
    let body = request.into_body().collect().await?.to_bytes();
    log.lock().unwrap().push((call.clone(), serde_json::from_slice(&body).unwrap_or_default()));
    let (status, body) = match call.as_str() {
        "GET /" => (StatusCode::OK, json!({ "id": "x", "state": "Not started" }).to_string()),
        call if call.starts_with("PUT /drives") => {
            (StatusCode::BAD_REQUEST, json!({ "fault_message": "no such file" }).to_string())
        }
        _ => (StatusCode::NO_CONTENT, String::new()),
    };
    Ok(Response::builder().status(status).body(Full::new(body.into())).unwrap())
}

#[tokio::test]
async fn requests_arrive_as_they_are() {
    let api = FakeApi::start();
    let request =
        Request { path: "/vsock".into(), body: json!({ "guest_cid": 3, "uds_path": "/run/guest.sock" }) };
    api.client().wait_until_there().await;
    api.client().put(&request).await.unwrap();
    assert_eq!(*api.recorded.lock().unwrap(), [("PUT /vsock".to_owned(), request.body)]);
}

#[tokio::test]
async fn a_refusal_is_passed_on_in_firecrackers_words() {
    let api = FakeApi::start();
    let request = Request { path: "/drives/disk0".into(), body: json!({}) };
    let error = api.client().put(&request).await.unwrap_err();
    assert_eq!(error.to_string(), "the VMM refused PUT /drives/disk0: no such file");
}

#[tokio::test]
async fn a_guest_that_was_not_started_is_told_apart() {
    assert!(!FakeApi::start().client().is_running().await.unwrap());
}

#[tokio::test]
async fn a_socket_behind_a_link_is_not_followed() {
    let api = FakeApi::start();
    let other = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(api.folder.path().join("run"), other.path().join("run")).unwrap();
    let socket = Within { root: other.path().into(), inside: "run/api.sock".into() };
    assert!(socket.connect().await.is_err());
}
