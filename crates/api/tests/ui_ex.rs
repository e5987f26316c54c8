//! The calls beside GraphQL that flyctl makes: organizations, builds, releases.

mod support;

use reqwest::Method;
use roost_api_types::DeployStatus;
use serde_json::{Value, json};
use support::{Platform, config};

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_is_shown_by_its_slug() {
    let platform = Platform::start().await;
    let all: Value = platform.get("/api/v1/organizations?admin=false").await;
    assert_eq!(all["organizations"][0]["slug"], "personal");
    let one: Value = platform.get("/api/v1/organizations/personal").await;
    assert_eq!(one["organization"], all["organizations"][0]);
    assert_eq!(one["organization"]["billing_status"], "CURRENT");
    let (status, _) = platform.refused(Method::GET, "/api/v1/organizations/nobody", Value::Null).await;
    assert_eq!(status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_is_recorded_and_ends_once() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    let begin = json!({ "app_name": "web", "builder_type": "local" });
    let build: Value = platform.post("/api/v1/builds", begin.clone()).await;
    assert_eq!((&build["id"], &build["status"]), (&json!(1), &json!("building")));
    let finish = |status: &str| json!({ "build_id": 1, "app_name": "web", "status": status, "logs": "" });
    let ended: Value = platform.post("/api/v1/builds/finish", finish("completed")).await;
    assert_eq!(ended["status"], "completed");
    let again: Value = platform.post("/api/v1/builds/finish", finish("failed")).await;
    assert_eq!(again["status"], "completed");
    let next: Value = platform.post("/api/v1/builds", begin).await;
    assert_eq!(next["id"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn builders_that_are_not_there_say_what_to_use_instead() {
    let platform = Platform::start().await;
    for path in ["/api/v1/builds/depot_builder", "/api/v1/organizations/personal/builders"] {
        let (status, body) = platform.refused(Method::POST, path, json!({})).await;
        assert_eq!((status, &body["status"]), (422, &json!("unsupported")));
        let text = body["error"].as_str().unwrap();
        assert!(text.contains("--local-only") && text.contains("BUILDKIT_ADDR"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn releases_of_clients_and_of_the_platform_are_one_list() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    let (status, _) = platform.refused(Method::GET, "/api/v1/apps/web/releases/current", Value::Null).await;
    assert_eq!(status, 404);

    let first = begin_release(&platform, "web").await;
    assert_eq!((&first["version"], &first["status"]), (&json!(1), &json!("pending")));
    assert_eq!(app_status(&platform, "web").await, "pending");
    let running = report(&platform, &first, "running").await;
    assert_eq!((&running["status"], &running["in_progress"]), (&json!("running"), &json!(true)));
    assert_eq!(app_status(&platform, "web").await, "pending");
    report(&platform, &first, "complete").await;
    report(&platform, &first, "complete").await;
    // The client that completed it made no machines.
    assert_eq!(app_status(&platform, "web").await, "suspended");

    let deploy = platform.deploy("web", "fine").await;
    assert_eq!((deploy.release, deploy.status), (2, DeployStatus::Succeeded));
    assert_eq!(app_status(&platform, "web").await, "deployed");
    let third = begin_release(&platform, "web").await;
    report(&platform, &third, "failed").await;

    let list: Value = platform.get("/api/v1/apps/web/releases?limit=10").await;
    assert_eq!(summary(&list["releases"]), [(3, "failed"), (2, "complete"), (1, "complete")]);
    let list: Value = platform.get("/v1/apps/web/releases").await;
    assert_eq!(summary(&list), [(3, "failed"), (2, "succeeded"), (1, "succeeded")]);
    let current: Value = platform.get("/api/v1/apps/web/releases/current").await;
    assert_eq!(current["version"], 2);
    let all: Value = platform.get("/api/v1/releases/all_current").await;
    assert_eq!(all["web"], current["created_at"]);

    // What a client deployed can be returned to as well.
    let rolled_back: Value = platform.post("/v1/apps/web/rollback", json!({})).await;
    assert_eq!(rolled_back["release"]["description"], "rollback to v1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_comes_back_whole() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    let release = begin_release(&platform, "web").await;
    let query = "{ app(name: \"web\") { currentReleaseUnprocessed { id configDefinition } } }";
    let answer: Value = platform.post("/graphql", json!({ "query": query })).await;
    let shown = &answer["data"]["app"]["currentReleaseUnprocessed"];
    assert_eq!((&shown["id"], &shown["configDefinition"]), (&release["id"], &config("web", "fine")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_ended_stays_as_it_is() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    let release = begin_release(&platform, "web").await;
    report(&platform, &release, "interrupted").await;
    let path = format!("/api/v1/releases/{}", release["id"].as_str().unwrap());
    let (status, body) = platform.refused(Method::PATCH, &path, json!({ "status": "complete" })).await;
    assert_eq!((status, &body["status"]), (412, &json!("wrong_state")));
    assert_eq!(app_status(&platform, "web").await, "pending");

    // With its app it is gone, id and all.
    let deleted = platform.send(Method::DELETE, "/v1/apps/web", Value::Null).await;
    assert_eq!(deleted.status(), 202);
    let (status, _) = platform.refused(Method::PATCH, &path, json!({ "status": "complete" })).await;
    assert_eq!(status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_come_in_pages_that_go_on_where_the_last_one_ended() {
    let mut platform = Platform::start().await;
    platform.create_app("web").await;
    let empty: Value = platform.get("/api/v1/apps/web/logs?next_token=").await;
    assert_eq!(empty, json!({ "data": [], "meta": { "next_token": "" } }));

    platform.deploy("web", "fine").await;
    let machine = platform.host.machines()[0].id.to_string();
    let first: Value = platform.get("/api/v1/apps/web/logs?next_token=").await;
    let [line] = &first["data"].as_array().unwrap()[..] else { panic!("one line: {first}") };
    assert_eq!(line["attributes"]["message"], format!("hello from {machine}"));
    assert_eq!(line["attributes"]["instance"], machine);
    assert_eq!(line["attributes"]["meta"]["event"]["provider"], "app");

    // The token means the same to another process.
    platform.restart_api().await;
    let token = first["meta"]["next_token"].as_str().unwrap();
    let next: Value = platform.get(&format!("/api/v1/apps/web/logs?next_token={token}")).await;
    assert_eq!(next, json!({ "data": [], "meta": { "next_token": token } }));

    let elsewhere: Value = platform.get("/api/v1/apps/web/logs?region=nowhere").await;
    assert_eq!(elsewhere["data"], json!([]));
    for query in ["next_token=7", "instance=web"] {
        let path = format!("/api/v1/apps/web/logs?{query}");
        assert_eq!(platform.refused(Method::GET, &path, Value::Null).await.0, 400);
    }
}

async fn begin_release(platform: &Platform, app: &str) -> Value {
    let body = json!({
        "app_name": app, "build_id": 0, "definition": config(app, "fine"),
        "image": "example.com/app:1", "strategy": "ROLLING",
    });
    let answer: Value = platform.post("/api/v1/releases", body).await;
    answer["release"].clone()
}

async fn report(platform: &Platform, release: &Value, status: &str) -> Value {
    let path = format!("/api/v1/releases/{}", release["id"].as_str().unwrap());
    platform.call(Method::PATCH, &path, json!({ "status": status, "metadata": null })).await
}

async fn app_status(platform: &Platform, app: &str) -> String {
    let app: Value = platform.get(&format!("/v1/apps/{app}")).await;
    app["status"].as_str().unwrap().to_owned()
}

fn summary(releases: &Value) -> Vec<(u64, &str)> {
    releases
        .as_array()
        .unwrap()
        .iter()
        .map(|release| (release["version"].as_u64().unwrap(), release["status"].as_str().unwrap()))
        .collect()
}
