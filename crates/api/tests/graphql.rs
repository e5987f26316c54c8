//! GraphQL as flyctl speaks it: the documents in `documents/` are the ones it sends, but that only `app` has all
//! fields of an app. Those that change something are named so.

mod support;

use std::{collections::BTreeMap, fs};

use reqwest::Method;
use serde_json::{Value, json};
use support::{Platform, config};

/// Refused on purpose; see the tests that say why.
const REFUSED: [&str; 3] = ["latest_image_details", "latest_image_tag", "peer"];

#[tokio::test(flavor = "multi_thread")]
async fn every_reading_document_of_flyctl_is_answered() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    platform.deploy("web", "fine").await;
    let machine = platform.host.machines()[0].id.to_string();
    let volume: Value = platform.post("/v1/apps/web/volumes", json!({ "name": "data" })).await;
    let variables = json!({
        "appName": "web", "name": "web", "slug": "personal", "orgSlug": "personal", "admin": false,
        "organizationId": "personal", "role": "", "limit": 25, "status": "complete",
        "imageRef": "example.com/app:1", "machineId": machine, "addOnType": "tigris", "id": volume["id"],
    });
    for (name, document) in documents().into_iter().filter(|(name, _)| !name.starts_with("change_")) {
        let answer = execute(&platform, &document, variables.clone()).await;
        if REFUSED.contains(&name.as_str()) {
            assert!(answer["errors"].is_array(), "{name}: {answer}");
        } else {
            assert_eq!(answer.get("errors"), None, "{name}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_shown_as_it_stands() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    let asked = json!({ "appName": "web" });
    let before = execute(&platform, &document("app"), asked.clone()).await;
    let app = &before["data"]["app"];
    assert_eq!((&app["status"], &app["deployed"]), (&json!("pending"), &json!(false)));
    assert_eq!((&app["currentRelease"], &app["config"]["definition"]), (&json!(null), &json!({})));

    platform.deploy("web", "fine").await;
    let after = execute(&platform, &document("app"), asked.clone()).await;
    let app = &after["data"]["app"];
    assert_eq!((&app["status"], &app["deployed"]), (&json!("deployed"), &json!(true)));
    assert_eq!(app["hostname"], "web.roost.localhost");
    assert_eq!(app["currentRelease"]["status"], "complete");
    assert_eq!(app["config"]["definition"], config("web", "fine"));
    assert_eq!(app["services"][0]["internalPort"], 8080);
    assert_eq!(app["organization"]["slug"], "personal");
    let machine = &platform.host.machines()[0];
    let shown = &app["machines"]["nodes"][0];
    assert_eq!((&shown["id"], &shown["state"]), (&json!(machine.id), &json!("started")));
    assert_eq!(shown["ips"]["nodes"][0]["ip"], json!(machine.private_ip.to_string()));

    let id = app["id"].as_str().unwrap();
    let by_id = execute(&platform, &document("app_basic"), json!({ "appName": id })).await;
    assert_eq!(by_id["data"]["appbasic"]["name"], "web");
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_and_regions_are_known() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    let volume: Value = platform.post("/v1/apps/web/volumes", json!({ "name": "data", "size_gb": 3 })).await;
    let shown = execute(
        &platform,
        "query ($id: ID!) { volume(id: $id) { name sizeGb region app { name } } }",
        json!({ "id": volume["id"] }),
    )
    .await;
    let expected = json!({ "name": "data", "sizeGb": 3, "region": "dev", "app": { "name": "web" } });
    assert_eq!(shown["data"]["volume"], expected);
    for id in ["vol_0000000000000000", "nonsense"] {
        let missing = execute(&platform, &document("volume"), json!({ "id": id })).await;
        assert_eq!(code(&missing), "NOT_FOUND");
    }
    let regions = execute(&platform, "{ platform { regions { code name latitude } } }", json!({})).await;
    let dev = json!([{ "code": "dev", "name": "dev", "latitude": null }]);
    assert_eq!(regions["data"]["platform"]["regions"], dev, "a code that is no known place is its name");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_apps_comes_in_pages() {
    let platform = Platform::start().await;
    for name in ["a", "b", "c"] {
        platform.create_app(name).await;
    }
    let document = "query ($after: String) {
        apps(first: 2, after: $after) { totalCount pageInfo { hasNextPage endCursor } nodes { name } }
    }";
    let first = execute(&platform, document, json!({})).await["data"]["apps"].clone();
    assert_eq!((&first["totalCount"], &first["pageInfo"]["hasNextPage"]), (&json!(3), &json!(true)));
    assert_eq!(first["nodes"], json!([{ "name": "a" }, { "name": "b" }]));
    // What the cursor names may go in between.
    let _ = platform.send(Method::DELETE, "/v1/apps/b", Value::Null).await;
    let after = json!({ "after": first["pageInfo"]["endCursor"] });
    let second = execute(&platform, document, after).await["data"]["apps"].clone();
    assert_eq!(second["pageInfo"]["hasNextPage"], false);
    assert_eq!(second["nodes"], json!([{ "name": "c" }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_come_with_status_200_and_a_code() {
    let platform = Platform::start().await;
    let missing = execute(&platform, &document("app_compact"), json!({ "appName": "nobody" })).await;
    assert_eq!(code(&missing), "NOT_FOUND");
    assert!(message(&missing).starts_with("Could not find App"), "{missing}");

    let unknown = execute(&platform, "{ viewer { email shoeSize } }", json!({})).await;
    assert!(message(&unknown).contains("shoeSize"), "{unknown}");
    assert_eq!(code(&unknown), "INVALID");

    let image = execute(&platform, &document("latest_image_details"), json!({ "image": "nginx" })).await;
    assert!(message(&image).contains("Unknown repository"), "{image}");

    let broken = platform.request(Method::POST, "/graphql").bearer_auth(platform.token()).body("{");
    let broken = broken.send().await.unwrap();
    assert_eq!(broken.status(), 200);
    assert_eq!(code(&broken.json().await.unwrap()), "INVALID");

    let stranger =
        platform.request(Method::POST, "/graphql").json(&json!({ "query": "{ viewer { email } }" }));
    let stranger = stranger.send().await.unwrap();
    assert_eq!(stranger.status(), 200);
    assert_eq!(code(&stranger.json().await.unwrap()), "UNAUTHORIZED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_asks_for_too_much_is_refused() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    let deep = "organization { remoteBuilderApp { ".repeat(7) + "id" + &" } }".repeat(7);
    let deep = format!("{{ app(name: \"web\") {{ {deep} }} }}");
    let answer = execute(&platform, &deep, json!({})).await;
    assert!(message(&answer).contains("too deep"), "{answer}");

    let wide = "{ apps(first: 200) { nodes { machines { nodes { app { machines { nodes { id } } } } } } } }";
    let answer = execute(&platform, wide, json!({})).await;
    assert!(message(&answer).contains("too complex"), "{answer}");

    let long = format!("{{ viewer {{ email }} }} # {}", "x".repeat(300 << 10));
    let answer = execute(&platform, &long, json!({})).await;
    assert_eq!(code(&answer), "INVALID");
}

/// Every document in the folder, by its name.
fn documents() -> BTreeMap<String, String> {
    let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/documents")).unwrap();
    let document = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap())
    };
    folder.map(document).collect()
}

fn document(name: &str) -> String {
    documents().remove(name).unwrap_or_else(|| panic!("a document {name}"))
}

async fn execute(platform: &Platform, query: &str, variables: Value) -> Value {
    let body = json!({ "query": query, "variables": variables });
    let response = platform.send(Method::POST, "/graphql", body).await;
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

fn message(answer: &Value) -> &str {
    answer["errors"][0]["message"].as_str().unwrap_or_else(|| panic!("no error in {answer}"))
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("no code in {answer}"))
}
