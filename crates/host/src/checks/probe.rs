//! One try of one check.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http::{Request, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

use super::plan::{CheckPlan, HttpPlan};

/// Bytes of an answer that are shown.
const MAX_OUTPUT: usize = 300;

/// Share of the timeout that the first address may take: an app that listens on the second only is
/// told apart from one that is slow.
const FIRST_ADDRESS_SHARE: u32 = 2;

pub struct Target {
    /// Tried in this order.
    pub addresses: [IpAddr; 2],
    pub plan: Arc<CheckPlan>,
}

/// What was seen: an answer that passes, or why none came.
pub async fn probe(target: &Target) -> Result<String, String> {
    let plan = &target.plan;
    timeout(plan.timeout, ask(target))
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {} s", plan.timeout.as_secs_f64())))
}

async fn ask(target: &Target) -> Result<String, String> {
    let stream = dial(target).await?;
    match &target.plan.http {
        None => Ok(format!("connected to port {}", target.plan.port)),
        Some(http) => match &http.tls {
            None => request(stream, http).await,
            Some(tls) => request(super::tls::handshake(stream, tls).await?, http).await,
        },
    }
}

async fn dial(target: &Target) -> Result<TcpStream, String> {
    let port = target.plan.port;
    let [first, second] = target.addresses.map(|address| SocketAddr::new(address, port));
    let share: Duration = target.plan.timeout / FIRST_ADDRESS_SHARE;
    if let Ok(Ok(stream)) = timeout(share, TcpStream::connect(first)).await {
        return Ok(stream);
    }
    TcpStream::connect(second).await.map_err(|error| {
        format!("nothing answers on port {port}: {error}; does the app listen on 0.0.0.0 or [::]?")
    })
}

async fn request(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    plan: &HttpPlan,
) -> Result<String, String> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    let exchange = async {
        let response = sender.send_request(message(plan)?).await.map_err(|e| e.to_string())?;
        let status = response.status();
        let text = format!("{status}: {}", beginning(response.into_body()).await);
        if status.is_success() { Ok(text) } else { Err(text) }
    };
    tokio::pin!(connection);
    tokio::pin!(exchange);
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        // The connection may be over before its answer was read.
        _ = &mut connection => exchange.await,
    }
}

fn message(plan: &HttpPlan) -> Result<Request<Empty<Bytes>>, String> {
    let mut request = Request::builder().method(plan.method.as_str()).uri(plan.path.as_str());
    let names_host = plan.headers.iter().any(|h| h.name.eq_ignore_ascii_case("host"));
    if !names_host {
        request = request.header(header::HOST, "localhost");
    }
    request = request.header(header::USER_AGENT, "roost-check");
    for own in &plan.headers {
        for value in &own.values {
            request = request.header(own.name.as_str(), value.as_str());
        }
    }
    request.body(Empty::new()).map_err(|e| e.to_string())
}

/// The first bytes of a body, as one line.
async fn beginning(mut body: Incoming) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < MAX_OUTPUT {
        match body.frame().await {
            Some(Ok(frame)) => bytes.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Some(Err(_)) | None => break,
        }
    }
    bytes.truncate(MAX_OUTPUT);
    String::from_utf8_lossy(&bytes).split_whitespace().collect::<Vec<_>>().join(" ")
}
