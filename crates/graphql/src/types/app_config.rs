//! An app's configuration, as its current release has it.

use async_graphql::{Enum, SimpleObject};
use serde_json::Value;

#[derive(Debug, Clone, SimpleObject)]
pub struct AppConfig {
    /// fly.toml as JSON; an empty object before the first release.
    pub definition: Value,
    pub services: Vec<Service>,
    pub valid: bool,
    pub errors: Vec<String>,
}

#[derive(Debug, Clone, SimpleObject)]
pub struct Service {
    pub description: String,
    pub protocol: ServiceProtocolType,
    pub internal_port: i32,
    pub ports: Vec<ServicePort>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ServiceProtocolType {
    Tcp,
    Udp,
}

#[derive(Debug, Clone, SimpleObject)]
pub struct ServicePort {
    pub port: Option<i32>,
    pub start_port: Option<i32>,
    pub end_port: Option<i32>,
    pub handlers: Vec<ServiceHandlerType>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ServiceHandlerType {
    EdgeHttp,
    Http,
    PgTls,
    ProxyProto,
    Tls,
}
