//! Keys of a machine's configuration that are known and can not be had here. Pure.
//!
//! A known key that would do nothing is refused, so that nobody believes in what does not happen.
//! `docs/machine-config.md` holds every key; a test keeps it and this table together. Keys that the
//! Machines API does not have are kept as they were sent, and do nothing.

use roost_host_api::ErrorBody;
use roost_model::MachineConfig;
use serde_json::{Map, Value};

use crate::request::invalid;

type Extra = Map<String, Value>;

/// Of the configuration itself: the key, and what to do instead.
const OF_MACHINE: &[(&str, &str)] = &[
    ("cache_drive", "there are no cache drives; use a volume, or rootfs.size_gb"),
    ("containers", "a machine runs one image; use one machine for each container, or `processes`"),
    ("disable_machine_autostart", "set services[].autostart to false instead"),
    ("spot", "there is no price to bid for"),
    ("volumes", "volumes of containers can not be had; use `mounts`"),
];

const OF_GUEST: &[(&str, &str)] = &[
    ("gpu_kind", "no GPU is passed to machines"),
    ("gpus", "no GPU is passed to machines"),
    ("host_dedication_id", "hosts are not dedicated to anybody"),
    ("max_memory_mb", "a machine's memory does not grow; set memory_mb to what it needs at most"),
];

const OF_DNS: &[(&str, &str)] = &[(
    "dns_forward_rules",
    "single domains can not be forwarded; name resolvers that know them in dns.nameservers",
)];

const OF_FILE: &[(&str, &str)] =
    &[("image_config", "an image's configuration is not given to machines; use raw_value or secret_name")];

const OF_STATIC: &[(&str, &str)] = &[(
    "tigris_bucket",
    "there are no buckets; put the files into the image, and name their folder in guest_path",
)];

const OF_RESTART: &[(&str, &str)] = &[("gpu_bid_price", "there is no price to bid for")];

const OF_SERVICE: &[(&str, &str)] = &[
    ("force_instance_key", "instances are forced by the request header fly-force-instance-id"),
    ("force_instance_description", "instances are forced by the request header fly-force-instance-id"),
];

/// Refuses a configuration that has one of them.
pub fn check(config: &MachineConfig) -> Result<(), ErrorBody> {
    none_of("", &config.extra, OF_MACHINE)?;
    if let Some(guest) = &config.guest {
        none_of("guest.", &guest.extra, OF_GUEST)?;
    }
    if let Some(dns) = &config.dns {
        none_of("dns.", &dns.extra, OF_DNS)?;
    }
    if let Some(restart) = &config.restart {
        none_of("restart.", &restart.extra, OF_RESTART)?;
    }
    for (n, file) in config.files.iter().enumerate() {
        none_of(&format!("files[{n}]."), &file.extra, OF_FILE)?;
    }
    for (n, of) in config.statics.iter().enumerate() {
        none_of(&format!("statics[{n}]."), &of.extra, OF_STATIC)?;
    }
    for (n, service) in config.services.iter().enumerate() {
        none_of(&format!("services[{n}]."), &service.extra, OF_SERVICE)?;
    }
    Ok(())
}

fn none_of(at: &str, extra: &Extra, refused: &[(&str, &str)]) -> Result<(), ErrorBody> {
    let asked = refused.iter().find(|(key, _)| extra.get(*key).is_some_and(|value| !says_nothing(value)));
    match asked {
        Some((key, instead)) => Err(invalid(format!("{at}{key} is not supported: {instead}"))),
        None => Ok(()),
    }
}

/// Clients write keys out that they do not set.
fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) => false,
    }
}
