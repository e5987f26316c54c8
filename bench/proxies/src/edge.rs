//! Roost's edge as a process of its own: one app, one machine, and no host to ask.

use std::{net::Ipv4Addr, num::NonZeroUsize, path::Path, sync::Arc};

use anyhow::Result;
use roost_catalog::{Catalog, CatalogConfig, Change, NameEntry, SealedCertificate};
use roost_edge::{ClientLimits, EdgeConfig, EdgeParts, Listener, ListenerKind, Sockets};
use roost_host_api::HostClient;
use roost_seal::MasterKey;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    certificate::{APP, BASE_DOMAIN, HOST_NAME},
    machine,
};

/// Serves until the process is ended; `folder` holds the certificate.
pub async fn serve(http: u16, https: u16, backend: u16, folder: &Path) -> Result<()> {
    let keys = MasterKey::open_or_create(&folder.join("master"))?;
    let catalog = Catalog::open(CatalogConfig::default());
    let machine = machine::running("0123456789abcd", APP, Ipv4Addr::LOCALHOST, backend)?;
    catalog.apply([
        Change::AllApps(Vec::new()),
        Change::HostHello(Box::new(machine::host()?)),
        Change::Machine(Box::new(machine)),
        Change::Name(name(folder, &keys)?),
    ]);
    let config = EdgeConfig {
        threads: NonZeroUsize::MIN,
        // All the load comes from one address.
        client_limits: ClientLimits { connections: u32::MAX, handshakes: u32::MAX },
        max_connections_per_app: u32::MAX,
        ..EdgeConfig::new(BASE_DOMAIN, machine::HOST.parse()?, machine::REGION.parse()?)
    };
    let listeners =
        vec![listener(http, 80, ListenerKind::Http).await?, listener(https, 443, ListenerKind::Https).await?];
    let host = HostClient::unix(folder.join("no-host.sock"));
    let sockets = Sockets::default();
    let parts = EdgeParts { catalog, host, keys: Some(Arc::new(keys)), quic: Vec::new(), sockets };
    Ok(roost_edge::serve(config, parts, listeners, CancellationToken::new()).await?)
}

fn name(folder: &Path, keys: &MasterKey) -> Result<NameEntry> {
    let sealed_for = "bench".to_owned();
    let key = std::fs::read(folder.join("key.pem"))?;
    let certificate = SealedCertificate {
        chain: std::fs::read_to_string(folder.join("chain.pem"))?,
        sealed_key: keys.seal(&sealed_for, &key),
        sealed_for,
    };
    let app = Some(APP.parse()?);
    Ok(NameEntry { hostname: HOST_NAME.to_owned(), app, certificate: Some(Arc::new(certificate)) })
}

async fn listener(port: u16, public_port: u16, kind: ListenerKind) -> Result<Listener> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    Ok(Listener { socket, public_port, kind })
}
