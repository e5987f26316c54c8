//! Every key of the Machines API's configuration does what `docs/machine-config.md` says of it.

mod support;

use std::collections::BTreeMap;

use roost_host_api::ErrorCode;
use roost_model::MachineConfig;
use serde_json::{Map, Value, json};
use support::{TestHost, create};

/// The published keys, each with a value that could be asked for.
const KEYS: &str = include_str!("fixtures/machine-config-keys.json");
const TABLE: &str = include_str!("../../../docs/machine-config.md");

/// Keys of these are told of where volumes are.
const ELSEWHERE: &str = "mounts";

#[tokio::test]
async fn every_key_acts_or_is_refused_by_its_name() {
    let keys: BTreeMap<String, Value> = serde_json::from_str(KEYS).unwrap();
    let table = table();
    assert_eq!(keys.keys().collect::<Vec<_>>(), table.keys().collect::<Vec<_>>(), "one row for each key");
    let host = TestHost::start().await;
    for (path, sample) in keys.iter().filter(|(path, _)| *path != ELSEWHERE) {
        let key = path.rsplit('.').next().unwrap().trim_end_matches("[]");
        let asked = with(path, sample);
        let config: MachineConfig = serde_json::from_value(asked).unwrap_or_else(|e| panic!("{path}: {e}"));
        let mut create = create(&["serve"]);
        create.skip_launch = true;
        create.spec.config = config.clone();
        let made = host.client.create(&create).await;
        // What no field takes up is in a map, whose keys are quoted.
        let unread = format!("{config:?}").contains(&format!("\"{key}\": "));
        match table[path].as_str() {
            "acts" => assert!(made.is_ok() && !unread, "{path} acts: {made:?}"),
            "kept" => assert_eq!(made.unwrap().config, config, "{path} is kept"),
            "refused" => {
                let error = made.expect_err(path);
                let named = error.to_string().contains(key);
                assert!(error.code() == Some(ErrorCode::InvalidRequest) && named, "{path}: {error}");
            }
            other => panic!("{path} is \"{other}\""),
        }
    }
}

#[tokio::test]
async fn a_known_key_without_a_value_asks_for_nothing_and_an_unknown_one_comes_back() {
    let host = TestHost::start().await;
    let config = json!({
        "image": "registry.test/hello:v1",
        "guest": { "cpu_kind": "shared", "cpus": 1, "memory_mb": 256, "gpus": 0, "gpu_kind": "" },
        "containers": [], "volumes": null, "disable_machine_autostart": false,
        "unknown": { "a": 1 },
    });
    let mut create = create(&["serve"]);
    create.skip_launch = true;
    create.spec.config = serde_json::from_value(config).unwrap();
    let made = host.client.create(&create).await.unwrap();
    assert_eq!(made.config.extra["unknown"], json!({ "a": 1 }));
}

/// From the page: what becomes of each key.
fn table() -> BTreeMap<String, String> {
    let rows = TABLE.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(path, rest)| (path.to_owned(), rest.split('|').nth(1).unwrap().trim().to_owned())).collect()
}

/// A configuration that has the key, and around it what it needs to stand.
fn with(path: &str, sample: &Value) -> Value {
    let mut config = json!({ "image": "registry.test/hello:v1" });
    set(&mut config, "", path, sample);
    config
}

fn set(object: &mut Value, at: &str, path: &str, sample: &Value) {
    let (segment, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let key = segment.trim_end_matches("[]").trim_end_matches("{}");
    let here = format!("{at}{segment}");
    let Some(rest) = rest else {
        object[key] = sample.clone();
        if let ("files[].", "secret_name" | "image_config") = (at, key) {
            object.as_object_mut().unwrap().remove("raw_value");
        }
        return;
    };
    let mut inner = needed(&here);
    set(&mut inner, &format!("{here}."), rest, sample);
    object[key] = match segment {
        list if list.ends_with("[]") => json!([inner]),
        map if map.ends_with("{}") => json!({ "one": inner }),
        _ => inner,
    };
}

fn needed(at: &str) -> Value {
    match at {
        "checks{}" => json!({ "type": "tcp", "port": 80 }),
        "checks{}.headers[]" => json!({ "name": "a" }),
        "dns.options[]" => json!({ "name": "rotate" }),
        "guest" => json!({ "memory_mb": 512 }),
        "files[]" => json!({ "guest_path": "/etc/a", "raw_value": "YQ==" }),
        "metrics" => json!({ "port": 9090 }),
        "processes[]" => json!({ "exec": ["serve"] }),
        "processes[].env_from[]" => json!({ "env_var": "A", "field_ref": "id" }),
        "processes[].secrets[]" => json!({ "env_var": "A" }),
        "restart" => json!({ "policy": "no" }),
        "services[]" => json!({ "internal_port": 80 }),
        "statics[]" => json!({ "guest_path": "/a", "url_prefix": "/b" }),
        _ => Value::Object(Map::new()),
    }
}
