//! Keys that work for an app and are never shown.

mod support;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::Platform;

const PATH: &str = "/v1/apps/web/secretkeys";

#[tokio::test(flavor = "multi_thread")]
async fn a_key_works_without_being_seen() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    let body = json!({ "type": "xaes256gcm", "value": null });
    let made = platform.send(Method::POST, &format!("{PATH}/box/generate"), body).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let made: Value = made.json().await.unwrap();
    assert_eq!((&made["version"], &made["type"], made.get("value")), (&json!(1), &json!("xaes256gcm"), None));
    let sealed: Value = platform
        .post(&format!("{PATH}/box/encrypt"), json!({ "plaintext": "aGVsbG8=", "associated_data": [1, 2] }))
        .await;
    let ciphertext = &sealed["ciphertext"];
    let open = |data: Value| json!({ "ciphertext": ciphertext, "associated_data": data });
    let opened: Value = platform.post(&format!("{PATH}/box/decrypt"), open(json!("AQI="))).await;
    assert_eq!(opened, json!({ "plaintext": "aGVsbG8=" }));
    let (status, error) =
        platform.refused(Method::POST, &format!("{PATH}/box/decrypt"), open(json!("AQ=="))).await;
    assert!(status == 400 && error["error"].as_str().unwrap().contains("not made with this key"), "{error}");

    let _: Value = platform.post(&format!("{PATH}/pen/generate"), json!({ "type": "es256" })).await;
    let signed: Value =
        platform.post(&format!("{PATH}/pen/sign?version=2"), json!({ "plaintext": "aGVsbG8=" })).await;
    let check = |text: &str| json!({ "plaintext": text, "signature": signed["signature"] });
    let verified = platform.send(Method::POST, &format!("{PATH}/pen/verify"), check("aGVsbG8=")).await;
    assert_eq!(verified.status(), StatusCode::NO_CONTENT);
    assert_eq!(platform.refused(Method::POST, &format!("{PATH}/pen/verify"), check("aGVsbGE=")).await.0, 400);

    let list: Value = platform.get(&format!("{PATH}?types=es256,hs256")).await;
    assert_eq!(list["secret_keys"].as_array().unwrap().len(), 1);
    assert!(list["secret_keys"][0]["public_key"].is_string());
    let gone: Value = platform.call(Method::DELETE, &format!("{PATH}/pen"), Value::Null).await;
    assert_eq!(gone, json!({ "version": 3 }));
    assert_eq!(platform.refused(Method::GET, &format!("{PATH}/pen"), Value::Null).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_is_refused() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    for (path, body, status, says) in [
        ("k", json!({ "type": "rot13", "value": "" }), 400, "kinds are hs256"),
        ("k", json!({ "type": "nacl_auth", "value": "AQI=" }), 400, "32 bytes"),
        ("k", json!({ "type": "nacl_box", "value": "AQI=" }), 422, "nacl_secretbox"),
        ("a b/generate", json!({ "type": "hs256" }), 400, "letters, digits"),
        ("k/generate", json!({ "type": "hs256", "value": "AQI=" }), 400, "generated"),
        ("k/sign", json!({ "plaintext": "" }), 404, "no secret key"),
        ("k?min_version=1", Value::Null, 400, "type"),
    ] {
        let (got, error) = platform.refused(Method::POST, &format!("{PATH}/{path}"), body).await;
        assert!(got == status && error["error"].as_str().unwrap().contains(says), "{path}: {got} {error}");
    }
    let (status, _) = platform.refused(Method::GET, &format!("{PATH}?min_version=1"), Value::Null).await;
    assert_eq!(status, 409);
    let (status, error) = platform.refused(Method::POST, "/v1/postgres", json!({})).await;
    assert!(status == 422 && error["error"].as_str().unwrap().contains("DATABASE_URL"), "{error}");
}
