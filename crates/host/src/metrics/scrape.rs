//! Fetches one machine's page.

use std::{net::SocketAddr, time::Duration};

use http::{Request, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use roost_host_api::Machine;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

use crate::checks::{TlsPlan, handshake};

const TIMEOUT: Duration = Duration::from_secs(10);

/// The first address gets this share of the time: the app may listen on the second only.
const FIRST_ADDRESS: Duration = Duration::from_secs(3);

/// Longest page of a machine.
const MAX_PAGE_BYTES: usize = 4 << 20;

const DEFAULT_PATH: &str = "/metrics";

pub async fn scrape(machine: &Machine) -> Result<String, String> {
    let answer = timeout(TIMEOUT, fetch(machine)).await;
    answer.unwrap_or_else(|_| Err(format!("no answer within {} s", TIMEOUT.as_secs())))
}

async fn fetch(machine: &Machine) -> Result<String, String> {
    let Some(metrics) = &machine.config.metrics else { return Err("nothing to ask for".to_owned()) };
    let stream = dial(machine, metrics.port).await?;
    let path = metrics.path.as_deref().filter(|path| !path.is_empty()).unwrap_or(DEFAULT_PATH);
    if metrics.https.unwrap_or(false) {
        let tls = TlsPlan { server_name: None, skip_verify: true };
        return get(handshake(stream, &tls).await?, path).await;
    }
    get(stream, path).await
}

async fn dial(machine: &Machine, port: u16) -> Result<TcpStream, String> {
    let first = SocketAddr::new(machine.ipv4.into(), port);
    if let Ok(Ok(stream)) = timeout(FIRST_ADDRESS, TcpStream::connect(first)).await {
        return Ok(stream);
    }
    let second = SocketAddr::new(machine.private_ip.into(), port);
    TcpStream::connect(second).await.map_err(|error| format!("nothing answers on port {port}: {error}"))
}

async fn get(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    path: &str,
) -> Result<String, String> {
    let request = Request::get(path)
        .header(header::HOST, "localhost")
        .header(header::ACCEPT, "text/plain;version=0.0.4")
        .header(header::USER_AGENT, "roost-metrics")
        .body(Empty::<Bytes>::new())
        .map_err(|e| e.to_string())?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|e| e.to_string())?;
        if !response.status().is_success() {
            return Err(format!("the app answered {}", response.status()));
        }
        let body = Limited::new(response.into_body(), MAX_PAGE_BYTES).collect().await;
        let body = body.map_err(|error| format!("the page can not be read: {error}"))?;
        String::from_utf8(body.to_bytes().into()).map_err(|_| "the page is not UTF-8".to_owned())
    };
    tokio::pin!(connection, exchange);
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        // The connection may be over before its answer was read.
        _ = &mut connection => exchange.await,
    }
}
