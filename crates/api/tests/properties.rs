//! What the document says, tried: schemathesis makes calls from it, and no answer may be a failure of the
//! server or none that the document knows. Run by `script/properties`, which has schemathesis.

mod support;

use std::{fs, process::Command};

use serde_json::{Value, json};
use support::Platform;

/// Set by `script/properties`.
const PROGRAM: &str = "ROOST_SCHEMATHESIS";
const SEED: &str = "ROOST_SCHEMATHESIS_SEED";
const SECONDS: &str = "ROOST_SCHEMATHESIS_SECONDS";

const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

/// They end with the connection, or never.
const STREAMS: [&str; 4] = ["Deploys_watch", "Releases_watch", "Logs_follow", "Machines_exec_stream"];

/// They would take from under the others what is made for them: the token of all calls, the org.
const DESTRUCTIVE: [&str; 3] = ["CurrentToken_revoke", "Apps_delete", "Orgs_delete"];

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_outside_the_document() {
    let variable =
        |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("run script/properties: {name}"));
    let platform = Platform::start().await;
    let config = platform.folder.path().join("schemathesis.toml");
    fs::write(&config, configuration(&things(&platform).await)).unwrap();

    let mut command = Command::new(variable(PROGRAM));
    command.arg("--config-file").arg(&config).arg("run").arg(platform.url("/v1/openapi.json"));
    command.args(["--checks", CHECKS, "--seed", &variable(SEED), "--max-time", &variable(SECONDS)]);
    command.args(["--phases", "examples,coverage,fuzzing", "--max-examples", "30", "--continue-on-failure"]);
    for operation in STREAMS.iter().chain(&DESTRUCTIVE) {
        command.args(["--exclude-operation-id", operation]);
    }
    command.env("ROOST_TOKEN", platform.token()).current_dir(platform.folder.path());
    let status = tokio::task::spawn_blocking(move || command.status()).await.unwrap().unwrap();
    assert!(status.success(), "schemathesis found answers outside the document (printed above)");
}

/// One of each thing that paths name, so that calls get past "there is none".
struct Things {
    machine: String,
    volume: String,
}

async fn things(platform: &Platform) -> Things {
    platform.create_app("web").await;
    let machine: Value =
        platform.post("/v1/apps/web/machines", json!({ "config": { "image": "example.com/app:1" } })).await;
    let volume: Value = platform.post("/v1/apps/web/volumes", json!({ "name": "data" })).await;
    let _: Value = platform.post("/v1/apps/web/secretkeys/key/generate", json!({ "type": "hs256" })).await;
    let _: Value = platform.post("/v1/apps/web/secrets/key", json!({ "value": "1" })).await;
    let name = json!({ "hostname": "www.example.com" });
    let _: Value = platform.post("/v1/apps/web/certificates/acme", name).await;
    platform.deploy("web", "fine").await;
    let id = |thing: &Value| thing["id"].as_str().unwrap().to_owned();
    Things { machine: id(&machine), volume: id(&volume) }
}

fn configuration(Things { machine, volume }: &Things) -> String {
    format!(
        r#"headers = {{ Authorization = "Bearer ${{ROOST_TOKEN}}" }}

[parameters]
"path.app_name" = "web"
"path.org_slug" = "personal"
"path.machine_id" = "{machine}"
"path.volume_id" = "{volume}"
"path.secret_name" = "key"
"path.hostname" = "www.example.com"
"#
    )
}
