//! The Machines API here, beside the published one: each difference is listed with its reason, and every
//! published operation is answered.

mod contract;
mod support;

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use support::Platform;

const PUBLISHED: &str = include_str!("fixtures/published-api.json");
const DOCUMENT: &str = include_str!("../../../docs/openapi.json");
const LISTED: &str = include_str!("../../../docs/openapi-differences.md");

#[test]
fn every_difference_is_listed_with_its_reason() {
    let found = differences();
    let listed = listed();
    let unlisted: Vec<_> = found.iter().filter(|line| !listed.iter().any(|l| l.covers(line))).collect();
    let gone: Vec<_> = listed.iter().filter(|listed| !found.iter().any(|line| listed.covers(line))).collect();
    for line in &unlisted {
        println!("not listed: {line}");
    }
    for listed in &gone {
        println!("listed, and no difference: {}", listed.pattern);
    }
    assert!(
        unlisted.is_empty() && gone.is_empty(),
        "docs/openapi-differences.md: {} differences are missing, {} are none any more (printed above)",
        unlisted.len(),
        gone.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_published_operation_is_answered_and_those_refused_say_so() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    let machine: Value =
        platform.post("/v1/apps/web/machines", json!({ "config": { "image": "example.com/app:1" } })).await;
    let found = differences();
    let published: Value = serde_json::from_str(PUBLISHED).unwrap();
    let mut seen = 0;
    for (name, _) in contract::operations(&published) {
        seen += 1;
        let (method, path) = name.split_once(' ').unwrap();
        // Deleting the app itself would take the ground from under the others; so would ending their token.
        if name == "DELETE /v1/apps/{app_name}" || name == "DELETE /v1/apps/{app_name}/machines/{machine_id}"
        {
            continue;
        }
        let (status, error) = answer(&platform, method, path, machine["id"].as_str().unwrap()).await;
        assert!(status < 500, "{name}: {status} {error}");
        let unknown = status == 405 || error["error"].as_str().is_some_and(|e| e.contains("has no call"));
        assert!(!unknown, "{name} is not there: {status} {error}");
        let refused = (status, error["status"].as_str()) == (422, Some("unsupported"));
        assert_eq!(refused, found.contains(&format!("{name}: is refused")), "{name}: {status} {error}");
    }
    assert_eq!(seen, 76);
}

fn differences() -> BTreeSet<String> {
    contract::differences(
        &serde_json::from_str(PUBLISHED).unwrap(),
        &serde_json::from_str(DOCUMENT).expect("docs/openapi.json"),
    )
}

/// A line of the list: `*` in its pattern is anything.
struct Listed {
    pattern: String,
}

impl Listed {
    fn covers(&self, line: &str) -> bool {
        let mut rest = line;
        let mut parts = self.pattern.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(after) = rest.strip_prefix(first) else { return false };
        rest = after;
        let mut open = false;
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            (rest, open) = (&rest[at + part.len()..], part.is_empty());
        }
        rest.is_empty() || open
    }
}

fn listed() -> Vec<Listed> {
    let rows = LISTED.lines().filter_map(|line| line.strip_prefix("| ``")?.split_once("`` |"));
    let listed = rows.map(|(pattern, reason)| {
        assert!(reason.trim_matches([' ', '|']).len() > 3, "{pattern}: no reason is given");
        Listed { pattern: pattern.trim().to_owned() }
    });
    listed.collect()
}

async fn answer(platform: &Platform, method: &str, path: &str, machine: &str) -> (u16, Value) {
    let path = path
        .replace("{app_name}", "web")
        .replace("{org_slug}", "personal")
        .replace("{machine_id}", machine)
        .replace("{volume_id}", "vol_00000000")
        .replace("{hostname}", "www.example.com")
        .replace("{ip}", "127.0.0.1")
        .replace(['{', '}'], "");
    let body = json!({ "limit_mb": 1, "amount_mb": 1 });
    let response = platform.send(method.parse::<Method>().unwrap(), &path, body).await;
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or_default())
}
