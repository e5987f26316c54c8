//! How often one may call: past the limit a call is refused, with the time to wait.

mod support;

use reqwest::{Method, Response};
use roost_api::{Rate, RateLimits};
use serde_json::{Value, json};
use support::Platform;

/// So slow that no test sees the next one.
const SLOW: Rate = Rate { per_second: 0.001, burst: 2 };

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_of_one_action_on_one_machine() {
    let limits = RateLimits { changes: SLOW, ..RateLimits::default() };
    let platform = Platform::start_limited(limits).await;
    for app in ["web", "other"] {
        platform.create_app(app).await;
    }
    let (one, other) = (machine(&platform, "web").await, machine(&platform, "other").await);

    let cordon = async |path: &str| call(&platform, Method::POST, &format!("{path}/cordon")).await;
    for _ in 0..SLOW.burst {
        assert_eq!(cordon(&one).await.status(), 200);
    }
    let refused = cordon(&one).await;
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    // A thousand seconds for the next one, less those that have passed.
    assert!((1..=1000).contains(&wait), "{wait}");
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["status"], "rate_limited", "{body}");
    assert!(body["error"].as_str().unwrap().contains("cordon"), "{body}");

    // Another action, another machine, and reading go on.
    assert_eq!(call(&platform, Method::POST, &format!("{one}/uncordon")).await.status(), 200);
    assert_eq!(cordon(&other).await.status(), 200);
    assert_eq!(call(&platform, Method::GET, &one).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_too_many_wait_for_their_turn() {
    let rate = Rate { per_second: 20.0, burst: 1 };
    let platform = Platform::start_limited(RateLimits { changes: rate, ..RateLimits::default() }).await;
    platform.create_app("web").await;
    let path = machine(&platform, "web").await;
    let start = std::time::Instant::now();
    for _ in 0..11 {
        assert_eq!(call(&platform, Method::POST, &format!("{path}/cordon")).await.status(), 200);
    }
    assert!(
        start.elapsed().as_secs_f64() >= 0.45,
        "ten of them wait for a twentieth of a second: {:?}",
        start.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_of_apps_count_together() {
    let limits = RateLimits { app_deletions: SLOW, ..RateLimits::default() };
    let platform = Platform::start_limited(limits).await;
    let mut statuses = Vec::new();
    for app in ["one", "two", "three"] {
        platform.create_app(app).await;
        statuses.push(call(&platform, Method::DELETE, &format!("/v1/apps/{app}")).await.status().as_u16());
    }
    assert_eq!(statuses, [202, 202, 429]);
}

async fn machine(platform: &Platform, app: &str) -> String {
    let body = json!({ "config": { "image": "example.com/app:1" }, "skip_launch": true });
    let machine: Value = platform.post(&format!("/v1/apps/{app}/machines"), body).await;
    format!("/v1/apps/{app}/machines/{}", machine["id"].as_str().unwrap())
}

async fn call(platform: &Platform, method: Method, path: &str) -> Response {
    platform.send(method, path, json!({})).await
}
