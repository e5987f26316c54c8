//! Every published operation of the Machines API is answered here, or listed with the reason why not.

mod support;

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use support::Platform;

const PUBLISHED: &str = include_str!("fixtures/published-operations.tsv");
const DIFFERENCES: &str = include_str!("../../../docs/openapi-differences.md");

#[tokio::test(flavor = "multi_thread")]
async fn every_published_operation_is_answered_or_listed() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    let listed: BTreeSet<&str> = DIFFERENCES
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(op, _)| op)
        .collect();
    let (mut seen, mut unlisted) = (BTreeSet::new(), Vec::new());
    for line in PUBLISHED.lines() {
        let [method, path, _] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let operation = format!("{method} {path}");
        // Deleting the app itself would take the ground from under the others.
        if operation != "DELETE /v1/apps/{app_name}" {
            let (status, error) = answer(&platform, method, path).await;
            assert!(status < 500, "{operation}: {status} {error}");
            let unknown = status == 405 || error["error"].as_str().is_some_and(|e| e.contains("has no call"));
            if unknown && !listed.contains(operation.as_str()) {
                unlisted.push(operation.clone());
            }
        }
        seen.insert(operation);
    }
    assert_eq!(unlisted, Vec::<String>::new(), "docs/openapi-differences.md does not list these");
    let invented: Vec<_> = listed.iter().filter(|operation| !seen.contains(**operation)).collect();
    assert!(invented.is_empty(), "nobody published {invented:?}");
}

async fn answer(platform: &Platform, method: &str, path: &str) -> (u16, Value) {
    let path = path
        .replace("{app_name}", "web")
        .replace("{org_slug}", "personal")
        .replace("{machine_id}", "00000000000000")
        .replace("{volume_id}", "vol_00000000")
        .replace("{hostname}", "www.example.com")
        .replace("{ip}", "127.0.0.1")
        .replace(['{', '}'], "");
    let response = platform.send(method.parse::<Method>().unwrap(), &path, json!({})).await;
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or_default())
}
