//! `[http_service]` and `[[services]]`: how an app is reached.

use std::num::NonZeroU32;

use ipnet::IpNet;
use roost_model::{
    HttpOptions,
    port::{ProxyProtoOptions, TlsOptions},
    service::{Autostop, Concurrency, Handler, Protocol, RateLimit},
};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{Check, MachineCheck};
use crate::forms::is_default;

/// One web service: public ports 80 and 443.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HttpService {
    /// Where the app listens.
    pub internal_port: Option<u16>,
    /// Groups that serve it; the only one, or all, when empty.
    #[serde(skip_serializing_if = "is_default")]
    pub processes: Vec<String>,
    /// Answer plain HTTP with a redirect.
    pub force_https: Option<bool>,
    pub auto_stop_machines: Option<Autostop>,
    /// True when absent.
    pub auto_start_machines: Option<bool>,
    /// Machines of the primary region that are not stopped when idle.
    pub min_machines_running: Option<u32>,
    pub concurrency: Option<Concurrency>,
    /// Networks whose clients are served; all when absent.
    pub allow_from: Option<Vec<IpNet>>,
    /// Networks whose clients are not, even if they are allowed.
    pub deny_from: Option<Vec<IpNet>>,
    /// How often all clients together may ask.
    pub rate_limit: Option<RateLimit>,
    /// Connections of all clients together, at once.
    pub max_connections: Option<NonZeroU32>,
    /// Tell each request in the app's log.
    pub access_log: Option<bool>,
    pub tls_options: Option<TlsOptions>,
    pub http_options: Option<HttpOptions>,
    #[serde(skip_serializing_if = "is_default")]
    pub checks: Vec<Check>,
    #[serde(skip_serializing_if = "is_default")]
    pub machine_checks: Vec<MachineCheck>,
}

/// A service with its public ports spelled out.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceSection {
    /// TCP when absent.
    pub protocol: Option<Protocol>,
    pub internal_port: Option<u16>,
    #[serde(skip_serializing_if = "is_default")]
    pub processes: Vec<String>,
    pub auto_stop_machines: Option<Autostop>,
    pub auto_start_machines: Option<bool>,
    pub min_machines_running: Option<u32>,
    pub concurrency: Option<Concurrency>,
    pub allow_from: Option<Vec<IpNet>>,
    pub deny_from: Option<Vec<IpNet>>,
    /// How often all clients together may ask.
    pub rate_limit: Option<RateLimit>,
    /// Connections of all clients together, at once.
    pub max_connections: Option<NonZeroU32>,
    /// Tell each request in the app's log.
    pub access_log: Option<bool>,
    #[serde(skip_serializing_if = "is_default")]
    pub ports: Vec<PortSection>,
    #[serde(skip_serializing_if = "is_default")]
    pub tcp_checks: Vec<Check>,
    #[serde(skip_serializing_if = "is_default")]
    pub http_checks: Vec<Check>,
    #[serde(skip_serializing_if = "is_default")]
    pub machine_checks: Vec<MachineCheck>,
}

/// A public port, or a range of them.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PortSection {
    pub port: Option<u16>,
    pub start_port: Option<u16>,
    pub end_port: Option<u16>,
    #[serde(skip_serializing_if = "is_default")]
    pub handlers: Vec<Handler>,
    pub force_https: Option<bool>,
    pub http_options: Option<HttpOptions>,
    pub tls_options: Option<TlsOptions>,
    pub proxy_proto_options: Option<ProxyProtoOptions>,
}
