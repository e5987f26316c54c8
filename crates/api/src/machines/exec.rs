//! Commands in a machine: one that ends, or a session.

use std::time::Duration;

use axum::{Extension, Json, body::Body as HttpBody, extract::Request, response::Response};
use http::{HeaderValue, StatusCode, header};
use hyper_util::rt::TokioIo;
use roost_api_types::{EXEC_PROTOCOL, ErrorCode, ExecMachine, ExecResult};
use roost_host_api::ExecMachine as HostExec;
use tokio::io::copy_bidirectional;

use crate::{
    auth::Caller,
    error::{ApiError, Result},
    http::{Body, MachinePath},
};

/// Time of a command whose caller gives none.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// Longer ones belong into a session, which can be watched and ended.
const MAX_TIMEOUT: Duration = Duration::from_secs(300);

pub async fn exec(
    Extension(caller): Extension<Caller>,
    path: MachinePath,
    Body(body): Body<ExecMachine>,
) -> Result<Json<ExecResult>> {
    let argv = argv(&body)?;
    if !caller.may_run(&path.app, &argv) {
        let message = format!("this token may not run `{}`; it names the commands it may", argv.join(" "));
        return Err(ApiError::new(ErrorCode::Forbidden, message));
    }
    let timeout = body.timeout.filter(|s| *s > 0).map_or(DEFAULT_TIMEOUT, Duration::from_secs);
    let request =
        HostExec { argv, stdin: body.stdin.clone(), timeout_ms: timeout.min(MAX_TIMEOUT).as_millis() as u64 };
    Ok(Json(path.host.exec(&path.machine.id, &request).await?.into()))
}

fn argv(body: &ExecMachine) -> Result<Vec<String>> {
    if !body.container.is_empty() {
        let message = "container: a machine has one, and no names for it; leave the key out";
        return Err(ApiError::unsupported(message));
    }
    if !body.command.is_empty() {
        return Ok(body.command.clone());
    }
    let words = shlex::split(&body.cmd)
        .ok_or_else(|| ApiError::invalid(format!("cmd has a quote that does not end: {}", body.cmd)))?;
    if words.is_empty() {
        return Err(ApiError::invalid("the command is missing: give `command`, a list of arguments"));
    }
    Ok(words)
}

/// Relays a session to the machine's host, without looking inside.
pub async fn exec_stream(
    Extension(caller): Extension<Caller>,
    path: MachinePath,
    mut request: Request,
) -> Result<Response> {
    if !caller.may_run_anything(&path.app) {
        let message = "this token may run certain commands only, and no session: use `roost machine exec`";
        return Err(ApiError::new(ErrorCode::Forbidden, message));
    }
    let asked = request.headers().get(header::UPGRADE).and_then(|value| value.to_str().ok());
    if !asked.is_some_and(|protocol| protocol.eq_ignore_ascii_case(EXEC_PROTOCOL)) {
        return Err(ApiError::invalid(format!("this call upgrades: send `Upgrade: {EXEC_PROTOCOL}`")));
    }
    let host = path.host.exec_stream(&path.machine.id).await?;
    let upgrade = hyper::upgrade::on(&mut request);
    let machine = path.machine.id;
    tokio::spawn(async move {
        let mut host = host.into_io();
        match upgrade.await {
            // Either side may leave at any time; that is how sessions end.
            Ok(client) => drop(copy_bidirectional(&mut TokioIo::new(client), &mut host).await),
            Err(error) => tracing::debug!(%machine, %error, "an exec session was not taken up"),
        }
    });
    let mut response = Response::new(HttpBody::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static(EXEC_PROTOCOL));
    Ok(response)
}
