//! Where hosts connect their machines' calls: a unix socket that only the server's user may open.
//!
//! Each connection begins with a line of JSON in which the host says whose it is ([`Introduction`]); then
//! it is HTTP/1.1, from the machine itself, and as hostile as any other.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Duration};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use roost_host_api::{Introduction, MAX_INTRODUCTION};
use tokio::{
    io::{AsyncReadExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::auth::MachineIdentity;

/// Connections of all machines together. Each machine's host allows it a few.
const MAX_CONNECTIONS: usize = 1024;

/// The introduction comes with the connection; a request's head must come in this time, too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// A socket in the place of one that an earlier run left.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

pub async fn serve(listener: UnixListener, router: Router, shutdown: CancellationToken) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => return,
        };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors, for a moment.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (router, ends) = (router.clone(), shutdown.clone());
        tokio::spawn(async move {
            let _ = ends.run_until_cancelled(connection(stream, router)).await;
            drop(place);
        });
    }
}

async fn connection(stream: UnixStream, router: Router) {
    let mut stream = BufReader::new(stream);
    let Ok(Some(Introduction { app, machine })) = timeout(HEAD_TIMEOUT, introduction(&mut stream)).await
    else {
        tracing::warn!("a host's connection did not say whose it is");
        return;
    };
    let router = router.layer(Extension(MachineIdentity { app, machine: machine.clone() }));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        // A caller may say that it has asked everything, and wait for the answer.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = served.await {
        tracing::debug!(%machine, %error, "a machine's connection ended badly");
    }
}

async fn introduction(stream: &mut BufReader<UnixStream>) -> Option<Introduction> {
    let mut line = Vec::new();
    while line.len() < MAX_INTRODUCTION {
        match stream.read_u8().await.ok()? {
            b'\n' => return serde_json::from_slice(&line).ok(),
            byte => line.push(byte),
        }
    }
    None
}
