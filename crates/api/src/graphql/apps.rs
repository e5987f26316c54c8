//! Apps and what belongs to them.

use async_trait::async_trait;
use roost_app_config::{AppConfig as FlyToml, ReleaseMeta};
use roost_graphql::{
    Answer, ID, Refusal,
    platform::Apps,
    scalar::{Iso8601DateTime, int},
    types::{
        app::App,
        app_config::{AppConfig, Service, ServiceHandlerType, ServicePort, ServiceProtocolType},
        release::Release,
        secret::Secret,
    },
};
use roost_model::{AppName, Port, service};
use roost_records::{AppRecord, DEFAULT_NETWORK, ReleaseRecord};

use super::Session;
use crate::{
    addresses::{self, Audience},
    apps,
    error::ApiError,
    standing,
};

#[async_trait]
impl Apps for Session {
    async fn apps(&self, organization: Option<&str>, role: Option<&str>) -> Answer<Vec<App>> {
        let organization = organization.filter(|key| !key.is_empty());
        let role = role.filter(|role| !role.is_empty());
        let asked = |app: &App| {
            organization.is_none_or(|key| app.organization_key == key)
                && role.is_none_or(|role| app.role_name.as_deref() == Some(role))
        };
        let (apps, audiences) = (self.api.store.apps().await?, addresses::audiences(&self.api).await?);
        let seen = apps.iter().filter(|app| self.sees(app));
        Ok(seen.map(|app| self.shown(app, audiences.of(&app.name))).filter(asked).collect())
    }

    async fn app(&self, key: &str) -> Answer<App> {
        let app = self.app_record(key).await?;
        let audience = addresses::audience_of(&self.api, &app.name).await?;
        Ok(self.shown(&app, audience))
    }

    async fn releases(&self, app: &App, first: usize) -> Answer<Vec<Release>> {
        let releases = standing::newest(&self.api, &self.readable(app).await?, first).await?;
        Ok(releases.into_iter().map(|(release, standing)| self.release_shown(release, standing)).collect())
    }

    async fn release(&self, app: &App, version: u64) -> Answer<Release> {
        let release = self.api.store.release(&self.readable(app).await?, version).await?;
        let standing = standing::of(&self.api, &release).await?;
        Ok(self.release_shown(release, standing))
    }

    async fn config(&self, app: &App) -> Answer<AppConfig> {
        match app.current_version {
            Some(version) => {
                Ok(config_of(&self.api.store.release(&self.readable(app).await?, version).await?))
            }
            None => Ok(AppConfig {
                definition: serde_json::json!({}),
                services: Vec::new(),
                valid: true,
                errors: Vec::new(),
            }),
        }
    }

    async fn secrets(&self, app: &App) -> Answer<Vec<Secret>> {
        let newest = self.api.store.newest_secrets(&self.readable(app).await?).await?;
        let secrets = newest.secrets.into_iter().map(|(name, secret)| Secret {
            id: ID(name.clone()),
            name,
            digest: secret.digest,
            created_at: Iso8601DateTime(secret.created_at),
        });
        Ok(secrets.collect())
    }
}

impl Session {
    fn shown(&self, app: &AppRecord, to: Audience) -> App {
        let hostname = format!("{}.{}", app.name, self.api.config.base_domain);
        App {
            id: ID(apps::id_of(app)),
            internal_numeric_id: int(app.number),
            name: app.name.to_string(),
            hostname: Some(hostname.clone()),
            app_url: Some(apps::url_of(&self.api, app, to)),
            cname_target: Some(hostname),
            network: Some(app.network_name.clone()).filter(|name| name != DEFAULT_NETWORK),
            network_id: Some(int(u64::from(app.network.0))),
            deployed: app.current_release.is_some(),
            status: apps::status_of(app).as_str().to_owned(),
            created_at: Iso8601DateTime(app.created_at),
            organization_key: app.org.clone(),
            role_name: Some(app.role.clone()).filter(|role| !role.is_empty()),
            current_version: app.current_release,
        }
    }
}

/// An app of the schema was made from a record, so its name is one.
pub fn name(app: &App) -> Answer<AppName> {
    app.name.parse().map_err(|e| Refusal::from(ApiError::internal(format!("{e}"))))
}

/// A release's configuration. One that a client stored may not be readable here; it is given back all
/// the same, with what is wrong.
pub fn config_of(release: &ReleaseRecord) -> AppConfig {
    let definition = release.config.clone();
    match serde_json::from_value::<FlyToml>(definition.clone()) {
        Ok(config) => {
            let services = services(&config, release);
            AppConfig { definition, services, valid: true, errors: Vec::new() }
        }
        Err(error) => {
            AppConfig { definition, services: Vec::new(), valid: false, errors: vec![error.to_string()] }
        }
    }
}

fn services(config: &FlyToml, release: &ReleaseRecord) -> Vec<Service> {
    let meta = ReleaseMeta { id: release.id.to_string(), version: release.version };
    let groups = config.process_groups();
    let machines = groups.iter().map(|group| config.machine_config(&group.name, &release.image, &meta));
    let services = machines.flat_map(|machine| machine.services).map(|service| Service {
        description: String::new(),
        protocol: match service.protocol {
            service::Protocol::Tcp => ServiceProtocolType::Tcp,
            service::Protocol::Udp => ServiceProtocolType::Udp,
        },
        internal_port: i32::from(service.internal_port),
        ports: service.ports.iter().map(port).collect(),
    });
    services.collect()
}

fn port(port: &Port) -> ServicePort {
    let handlers = port.handlers.iter().map(|handler| match handler {
        service::Handler::Http => ServiceHandlerType::Http,
        service::Handler::Tls => ServiceHandlerType::Tls,
        service::Handler::PgTls => ServiceHandlerType::PgTls,
        service::Handler::ProxyProto => ServiceHandlerType::ProxyProto,
    });
    ServicePort {
        port: port.port.map(i32::from),
        start_port: port.start_port.map(i32::from),
        end_port: port.end_port.map(i32::from),
        handlers: handlers.collect(),
    }
}
