//! What a guest is told to run: the image's settings, the machine's, secrets and addresses as one
//! [`RunConfig`]. Pure; the only place where opened secrets are.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use rand::RngCore;
use roost_guest_api::{
    GuestDns, GuestFile, GuestMount, GuestNetwork, GuestProcess, GuestStatic, GuestStatics, RunConfig,
};
use roost_images::{
    ImageConfig,
    command::{self, Command, NoCommand},
};
use roost_model::{
    Guest, MachineAddress,
    addr::DNS,
    machine::{DnsOption, EnvFrom, FieldRef, File, MachineConfig, Process},
    statics::STATICS_PORT,
};
use roost_netdev::{GATEWAY_V4, GATEWAY_V6};

use crate::record::Record;

/// App secrets, opened.
pub type Secrets = BTreeMap<String, String>;

/// Output that a guest keeps while the host's agent is away: minutes of an ordinary app.
const LOG_BUFFER_BYTES: u64 = 1 << 20;

/// Enough to seed any generator.
const ENTROPY_BYTES: usize = 64;

/// Of the image's digest: enough to tell an app's images apart.
const ETAG_DIGITS: usize = 16;

const DEFAULT_FILE_MODE: u32 = 0o644;

/// Where a machine lives in the network.
#[derive(Debug, Clone, Copy)]
pub struct Location {
    pub mac: [u8; 6],
    pub address: MachineAddress,
    pub ipv4: std::net::Ipv4Addr,
    pub mtu: u16,
}

/// The configuration asks for what can not be had; starting again will not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunConfigError {
    #[error(transparent)]
    NoCommand(#[from] NoCommand),
    #[error(
        "the configuration asks for the secret \"{name}\", which the app does not have; set it with `roost secrets set {name}=...`"
    )]
    MissingSecret { name: String },
    #[error("the file {path} has neither raw_value nor secret_name")]
    FileWithoutContent { path: String },
}

pub fn run_config(
    record: &Record,
    image: &ImageConfig,
    guest: &Guest,
    secrets: &Secrets,
    location: Location,
) -> Result<RunConfig, RunConfigError> {
    let config = &record.spec.config;
    let platform = platform_env(record, guest, location.address);
    Ok(RunConfig {
        hostname: hostname(record),
        host_aliases: host_aliases(record),
        network: GuestNetwork {
            mac: location.mac,
            ipv6: location.address.ip(),
            ipv4: location.ipv4,
            ipv4_gateway: GATEWAY_V4,
            ipv6_gateway: GATEWAY_V6,
            mtu: location.mtu,
        },
        dns: dns(config),
        processes: processes(config, image, secrets, &platform)?,
        files: config.files.iter().map(|f| file(f, secrets)).collect::<Result<_, _>>()?,
        statics: statics(record),
        mounts: config
            .mounts
            .iter()
            .map(|m| GuestMount { serial: m.volume.clone(), path: m.path.clone() })
            .collect(),
        swap_mib: config.init.swap_size_mb.unwrap_or(0),
        unix_ns: i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX),
        entropy: fresh_entropy(),
        log_buffer_bytes: LOG_BUFFER_BYTES,
    })
}

/// base64 of enough random bytes to seed any generator.
pub fn fresh_entropy() -> String {
    let mut bytes = [0; ENTROPY_BYTES];
    rand::rng().fill_bytes(&mut bytes);
    BASE64_STANDARD.encode(bytes)
}

fn hostname(record: &Record) -> String {
    let asked = record.spec.config.dns.as_ref().and_then(|dns| dns.hostname.clone());
    asked.filter(|name| !name.is_empty()).unwrap_or_else(|| record.id.to_string())
}

/// The first one is what `hostname -f` says.
fn host_aliases(record: &Record) -> Vec<String> {
    let asked = record.spec.config.dns.as_ref().and_then(|dns| dns.hostname_fqdn.clone());
    let own = ["fly-local-6pn".to_owned(), format!("{}.vm.{}.internal", record.id, record.app)];
    asked.into_iter().filter(|name| !name.is_empty()).chain(own).collect()
}

fn dns(config: &MachineConfig) -> GuestDns {
    let dns = config.dns.clone().unwrap_or_default();
    let nameservers = if dns.nameservers.is_empty() { vec![DNS.to_string()] } else { dns.nameservers };
    let options = dns.options.iter().map(dns_option).collect();
    GuestDns { nameservers, searches: dns.searches, options }
}

/// As resolv.conf writes it.
fn dns_option(option: &DnsOption) -> String {
    match option.value.as_deref().filter(|value| !value.is_empty()) {
        Some(value) => format!("{}:{value}", option.name),
        None => option.name.clone(),
    }
}

fn processes(
    config: &MachineConfig,
    image: &ImageConfig,
    secrets: &Secrets,
    platform: &BTreeMap<String, String>,
) -> Result<Vec<GuestProcess>, RunConfigError> {
    let commands = command::of_machine(image, config)?;
    let mut processes = Vec::new();
    for (index, command) in commands.into_iter().enumerate() {
        let own = config.processes.get(index);
        let name = match own {
            None => config.process_group().to_owned(),
            Some(own) => process_name(index, own, &command),
        };
        let env = env(&command, own, secrets, platform)?;
        let Command { argv, user, working_dir, .. } = command;
        let tty = config.init.tty.unwrap_or(false);
        processes.push(GuestProcess { name, argv, env, user, working_dir, tty });
    }
    Ok(processes)
}

/// Unique among the machine's processes, and fit for a file name.
fn process_name(index: usize, process: &Process, command: &Command) -> String {
    let own = process.extra.get("name").and_then(|name| name.as_str());
    let program = command.argv[0].rsplit('/').next().unwrap_or_default();
    let fit = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let name: String = own.unwrap_or(program).chars().take(32).map(fit).collect();
    format!("{name}-{index}")
}

/// The later wins: image, machine and process (all in `command`), secrets, platform.
fn env(
    command: &Command,
    process: Option<&Process>,
    secrets: &Secrets,
    platform: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, RunConfigError> {
    let mut env = command.env.clone();
    if !process.is_some_and(|p| p.ignore_app_secrets.unwrap_or(false)) {
        env.extend(secrets.clone());
    }
    for wanted in process.map_or(&[][..], |p| &p.secrets) {
        let name = wanted.name.as_ref().unwrap_or(&wanted.env_var);
        env.insert(wanted.env_var.clone(), secret(secrets, name)?.clone());
    }
    for wanted in process.map_or(&[][..], |p| &p.env_from) {
        env.insert(wanted.env_var.clone(), platform[variable_of(wanted)].clone());
    }
    env.extend(platform.clone());
    Ok(env)
}

/// The platform's own variable that holds the field.
fn variable_of(wanted: &EnvFrom) -> &'static str {
    match wanted.field_ref {
        FieldRef::Id => "FLY_MACHINE_ID",
        FieldRef::Version => "FLY_MACHINE_VERSION",
        FieldRef::AppName => "FLY_APP_NAME",
        FieldRef::PrivateIp => "FLY_PRIVATE_IP",
        FieldRef::Region => "FLY_REGION",
        FieldRef::Image => "FLY_IMAGE_REF",
    }
}

fn platform_env(record: &Record, guest: &Guest, address: MachineAddress) -> BTreeMap<String, String> {
    let image = &record.spec.config.image;
    let image = if image.is_empty() { record.spec.image.to_string() } else { image.clone() };
    let id = record.id.to_string();
    [
        ("FLY_APP_NAME", record.app.to_string()),
        ("FLY_MACHINE_ID", id.clone()),
        ("FLY_ALLOC_ID", id),
        ("FLY_REGION", record.region.to_string()),
        ("FLY_PRIVATE_IP", address.ip().to_string()),
        ("FLY_IMAGE_REF", image),
        ("FLY_MACHINE_VERSION", record.instance_id.to_string()),
        ("FLY_PROCESS_GROUP", record.spec.config.process_group().to_owned()),
        ("FLY_VM_MEMORY_MB", guest.memory_mb.to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn file(file: &File, secrets: &Secrets) -> Result<GuestFile, RunConfigError> {
    let content = match (&file.raw_value, &file.secret_name) {
        (Some(content), _) => content.clone(),
        (None, Some(name)) => secret(secrets, name)?.clone(),
        (None, None) => {
            return Err(RunConfigError::FileWithoutContent { path: file.guest_path.clone() });
        }
    };
    let mode = file.mode.unwrap_or(DEFAULT_FILE_MODE);
    Ok(GuestFile { path: file.guest_path.clone(), mode, content })
}

fn statics(record: &Record) -> Option<GuestStatics> {
    let statics = &record.spec.config.statics;
    let folders = statics.iter().map(|of| GuestStatic {
        path: of.guest_path.clone(),
        url_prefix: of.url_prefix.clone(),
        index_document: of.index_document.clone().filter(|name| !name.is_empty()),
    });
    let digest = record.spec.image.digest.as_deref().unwrap_or_default();
    let image = digest.rsplit(':').next().unwrap_or_default().chars().take(ETAG_DIGITS).collect();
    (!statics.is_empty()).then(|| GuestStatics { port: STATICS_PORT, folders: folders.collect(), image })
}

fn secret<'a>(secrets: &'a Secrets, name: &str) -> Result<&'a String, RunConfigError> {
    secrets.get(name).ok_or_else(|| RunConfigError::MissingSecret { name: name.to_owned() })
}
