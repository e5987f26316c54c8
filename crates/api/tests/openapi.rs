//! The document of the API: it is what is committed, and what the server hands out.

mod support;

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value;
use support::Platform;

/// Set to write the document instead of comparing it.
const UPDATE: &str = "UPDATE_OPENAPI";

#[tokio::test(flavor = "multi_thread")]
async fn the_committed_document_is_the_servers() {
    let platform = Platform::start().await;
    // Everybody may read it.
    let response = platform.request(reqwest::Method::GET, "/v1/openapi.json").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let served: Value = response.json().await.unwrap();
    check_operations(&served);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, format!("{served:#}\n")).unwrap();
    }
    let committed = fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str(&text).ok());
    assert!(
        committed == Some(served),
        "docs/openapi.json is not what the code says; write it anew:\n  {UPDATE}=1 cargo test -p roost-api --test openapi"
    );
}

/// References lead somewhere, and no two operations have one name.
fn check_operations(document: &Value) {
    let mut names = BTreeSet::new();
    for methods in document["paths"].as_object().unwrap().values() {
        for operation in methods.as_object().unwrap().values() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name), "two operations are named {name}");
        }
    }
    let text = document.to_string();
    for (_, after) in text.match_indices("\"$ref\":\"#").map(|(at, found)| text.split_at(at + found.len())) {
        let pointer = after.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "nothing is at {pointer}");
    }
}
