//! Every body that we send is one that Firecracker's API description allows.
//!
//! `tests/firecracker-schema.json` holds the definitions of what we send, as JSON Schema. Where the
//! description itself is at hand (`FIRECRACKER_API`, a path to its `firecracker.yaml`), the copy is compared with it.

use std::path::PathBuf;

use roost_model::{Guest, MachineId};
use serde_json::Value;

use super::*;
use crate::{BootFiles, Disk, DiskRate, JailSpec, Limits, Link, Nic};

const SCHEMA: &str = include_str!("../../tests/firecracker-schema.json");

/// A machine that has one of everything.
fn spec() -> VmSpec {
    let disk = |serial: &str, read_only, rate| Disk {
        path: "/disks/d".into(),
        read_only,
        serial: serial.into(),
        rate,
    };
    let rate = DiskRate::of_volume(&Guest::default());
    VmSpec {
        machine: "9080e6f3a12d45".parse::<MachineId>().unwrap(),
        jail: JailSpec {
            dir: "/jail".into(),
            uid: 10_001,
            gid: 10_001,
            cgroup: "roost-test/9080e6f3a12d45".into(),
            limits: Limits::for_guest(&Guest::default(), false),
        },
        vcpus: 2,
        memory_mib: 512,
        boot: BootFiles { kernel: "/k".into(), initramfs: "/i".into(), cmdline_devices: true },
        kernel_args: vec!["debug".into()],
        disks: vec![disk("roost-image", true, None), disk("vol_1", false, Some(rate))],
        nic: Some(Nic {
            mac: [2, 82, 172, 19, 0, 5],
            link: Some(Link::Netns { path: "/run/netns/x".into(), tap: "tap0".into() }),
        }),
    }
}

fn requests() -> Vec<Request> {
    all(&spec(), Some("tap0"), &["loglevel=3".into()])
}

/// Name of the definition of a path's body.
fn definition(path: &str) -> &'static str {
    match path.split('/').nth(1).unwrap() {
        "machine-config" => "MachineConfiguration",
        "boot-source" => "BootSource",
        "entropy" => "EntropyDevice",
        "vsock" => "Vsock",
        "drives" => "Drive",
        "network-interfaces" => "NetworkInterface",
        "actions" => "InstanceActionInfo",
        "vm" => "Vm",
        "snapshot" if path.ends_with("create") => "SnapshotCreateParams",
        "snapshot" => "SnapshotLoadParams",
        other => panic!("no definition for /{other}"),
    }
}

#[test]
fn every_body_is_as_the_api_describes_it() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    for request in requests().into_iter().chain([pause(), go_on(), save(), load()]) {
        let validator = jsonschema::validator_for(&schema[definition(&request.path)]).unwrap();
        let errors: Vec<_> = validator.iter_errors(&request.body).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", request.path);
    }
}

#[test]
fn a_volume_is_as_fast_as_the_size_of_its_machine_says() {
    let requests = requests();
    let drive = |path| &requests.iter().find(|r| r.path == path).unwrap().body["rate_limiter"];
    assert!(drive("/drives/disk0").is_null());
    let volume = drive("/drives/disk1");
    let bucket = |size: u64| serde_json::json!({ "size": size, "refill_time": 1000 });
    assert_eq!((&volume["bandwidth"], &volume["ops"]), (&bucket(16 << 20), &bucket(4000)));
}

#[test]
fn the_guest_is_started_last_and_told_its_disks_in_order() {
    let requests = requests();
    assert_eq!(requests.last().unwrap().path, "/actions");
    let paths: Vec<_> = requests.iter().map(|r| r.path.as_str()).collect();
    assert!(paths.contains(&"/drives/disk0") && paths.contains(&"/network-interfaces/net"));
    let boot = requests.iter().find(|r| r.path == "/boot-source").unwrap();
    let args = boot.body["boot_args"].as_str().unwrap();
    assert!(args.ends_with("roost.disks=roost-image,vol_1 loglevel=3 debug"), "{args}");
}

#[test]
fn the_copied_definitions_are_those_of_the_description() {
    let Some(description) = description() else { return };
    let text = std::fs::read_to_string(&description).unwrap();
    let original: Value = serde_yaml_ng::from_str(&text).unwrap();
    let copy: Value = serde_json::from_str(SCHEMA).unwrap();
    for (name, ours) in copy.as_object().unwrap() {
        let theirs = &original["definitions"][name];
        assert_eq!(ours.get("required"), theirs.get("required"), "{name}");
        for (key, property) in ours["properties"].as_object().unwrap() {
            for fact in ["type", "enum", "minimum", "maximum"] {
                assert_eq!(property.get(fact), theirs["properties"][key].get(fact), "{name}.{key}: {fact}");
            }
        }
    }
    for request in requests() {
        let path = match definition(&request.path) {
            "Drive" => "/drives/{drive_id}".to_owned(),
            "NetworkInterface" => "/network-interfaces/{iface_id}".to_owned(),
            _ => request.path,
        };
        assert!(original["paths"][&path]["put"].is_object(), "PUT {path}");
    }
    for Request { path, .. } in [save(), load()] {
        assert!(original["paths"][&path]["put"].is_object(), "PUT {path}");
    }
    for Request { path, .. } in [pause(), go_on()] {
        assert!(original["paths"][&path]["patch"].is_object(), "PATCH {path}");
    }
}

/// The description, if there is one on this machine.
fn description() -> Option<PathBuf> {
    std::env::var_os("FIRECRACKER_API").map(PathBuf::from)
}
