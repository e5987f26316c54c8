//! Files that a machine serves without its app.

mod support;

use std::future::IntoFuture;

use axum::{Router, routing::get};
use http::{StatusCode, header};
use roost_fake_host::FakeMachine;
use roost_model::statics::STATICS_PORT;
use serde_json::json;
use support::{Node, says};
use tokio::net::TcpListener;

/// What the guest has in the folder.
fn folder() -> Router {
    Router::new()
        .route("/static/a.css", get(|| async { axum::body::Body::from("style") }))
        .route("/static/plain", get(|| async { "from the folder" }))
        .fallback(|| async { StatusCode::NOT_FOUND })
}

/// A machine of `web` that serves a folder, and whose folder answers.
async fn node(machine: FakeMachine) -> Node {
    let node = Node::with([machine.serves_folder("/static/").started()]).await;
    let ip = node.host.machines()[0].ipv4;
    let listener = TcpListener::bind((ip, STATICS_PORT)).await.unwrap();
    tokio::spawn(axum::serve(listener, folder()).into_future());
    node
}

#[tokio::test]
async fn a_file_comes_from_its_folder_and_what_is_not_there_from_the_app() {
    let node = node(FakeMachine::of("web", says("app"))).await;
    for (path, body) in [
        ("/static/plain", "from the folder"),
        ("/static/plain?v=2", "from the folder"),
        ("/static/none", "app"),
        ("/statics", "app"),
        ("/", "app"),
    ] {
        assert_eq!(node.get("web", path).await.body, body, "{path}");
    }
    let post = node.request("web", "/static/plain").method("POST").body("x".into()).unwrap();
    assert_eq!(node.send(post).await.body, "app");
    for machine in node.catalog.load().machines() {
        assert_eq!(machine.load.in_flight(), 0, "every request has left");
    }
}

#[tokio::test]
async fn a_file_has_the_type_of_its_name() {
    let app = Router::new().fallback(|| async { ([(header::CONTENT_TYPE, "text/x-own")], "app") });
    let node = node(FakeMachine::of("web", app)).await;
    let type_of = async |path| node.get("web", path).await.headers[header::CONTENT_TYPE].clone();
    assert_eq!(type_of("/static/none.css").await, "text/x-own");
    assert_eq!(type_of("/static/a.css").await, "text/css; charset=utf-8");
}

#[tokio::test]
async fn an_app_of_http2_has_its_folders_served_too_and_nothing_is_lost_without_them() {
    let ports = json!([{"port": 80, "handlers": ["http"], "http_options": {"h2_backend": true}}]);
    let http2 = node(FakeMachine::of("web", says("app")).service("ports", ports)).await;
    assert_eq!(http2.get("web", "/static/plain").await.body, "from the folder");
    assert_eq!(http2.get("web", "/static/none").await.body, "app");
    // Nobody listens where the folder should be.
    let alone = Node::with([FakeMachine::of("web", says("app")).serves_folder("/static").started()]).await;
    assert_eq!(alone.get("web", "/static/plain").await.body, "app");
}
