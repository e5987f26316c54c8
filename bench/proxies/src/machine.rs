//! Machines as their host tells of them, without a host.

use std::net::Ipv4Addr;

use anyhow::Result;
use roost_host_api::{HostInfo, Machine};
use serde_json::json;

pub const HOST: &str = "bench";
pub const REGION: &str = "local";

/// A machine that runs, with one HTTP service on ports 80 and 443, as most apps have it.
pub fn running(id: &str, app: &str, address: Ipv4Addr, internal_port: u16) -> Result<Machine> {
    let now = "2026-01-01T00:00:00Z";
    let ports = json!([{ "port": 80, "handlers": ["http"] }, { "port": 443, "handlers": ["tls", "http"] }]);
    let service = json!({
        "protocol": "tcp", "internal_port": internal_port, "ports": ports, "autostart": true, "autostop": "off",
        "concurrency": { "type": "requests", "soft_limit": 1000, "hard_limit": 8000 },
    });
    Ok(serde_json::from_value(json!({
        "id": id, "name": "bench", "app": app, "host": HOST, "region": REGION, "network": 1, "state": "started",
        "instance_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "private_ip": "fdaa::1", "ipv4": address,
        "image": format!("registry.example/{app}:1"), "image_labels": {},
        "config": { "image": format!("registry.example/{app}:1"), "services": [service] },
        "secrets_version": 0, "cordoned": false, "checks": [], "events": [],
        "created_at": now, "updated_at": now, "started_at": now,
    }))?)
}

pub fn host() -> Result<HostInfo> {
    let nothing = json!({ "cpus": 0, "memory_mib": 0, "disk_mib": 0 });
    Ok(serde_json::from_value(json!({
        "id": HOST, "region": REGION, "number": 1, "driver": "none", "driver_reason": "", "sealing_key": "",
        "total": nothing, "free": nothing, "version": "0",
    }))?)
}
