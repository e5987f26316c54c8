//! Commands in a running machine: one with its whole answer, or a session of frames.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    body::Body as HttpBody,
    extract::{Request, State},
    response::Response,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures::{SinkExt, StreamExt};
use http::{HeaderValue, StatusCode, header};
use hyper_util::rt::TokioIo;
use roost_guest_api::{
    ExecEvent, ExecEvents, ExecInput, ExecRequest, ExecSession, GuestClient, LogStream, TerminalSize,
};
use roost_host_api::{EXEC_PROTOCOL, ErrorCode, ExecFrame, ExecMachine, ExecResult, MAX_LINE_BYTES};
use roost_model::MachineId;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_util::codec::{FramedRead, FramedWrite, LinesCodec};

use super::{
    App,
    answer::{Answer, Body, Json, PathOf, Refusal},
    guest::{client, unavailable},
};
use crate::{context::refuse, request::invalid};

/// Output of a command that is kept for its answer, both streams together.
const MAX_OUTPUT: usize = 1 << 20;

/// Longest that a command without a session may run.
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

/// The guest ends an overlong command itself; this is for a guest that does not.
const GUEST_MARGIN: Duration = Duration::from_secs(5);

/// Somebody who opens a session says at once what to run.
const START_TIMEOUT: Duration = Duration::from_secs(30);

pub async fn exec(
    State(app): State<App>,
    PathOf(id): PathOf<MachineId>,
    Body(exec): Body<ExecMachine>,
) -> Answer<ExecResult> {
    if exec.argv.is_empty() {
        return Err(invalid("argv is empty: name a program").into());
    }
    let guest = client(&app, &id).await?;
    let limit = Duration::from_millis(exec.timeout_ms).min(MAX_TIMEOUT);
    let request = ExecRequest {
        argv: exec.argv,
        env: BTreeMap::new(),
        user: None,
        working_dir: None,
        tty: None,
        timeout_ms: limit.as_millis() as u64,
    };
    let session = guest.exec(request).await.map_err(|e| unavailable(&e))?;
    let ran = timeout(limit + GUEST_MARGIN, run(session, exec.stdin.into_bytes())).await;
    Ok(Json(ran.unwrap_or_else(|_| {
        Err(refuse(ErrorCode::Timeout, format!("the command did not end within {} s", limit.as_secs_f64())))
    })?))
}

async fn run(session: ExecSession, stdin: Vec<u8>) -> Result<ExecResult, roost_host_api::ErrorBody> {
    let ExecSession { mut events, input } = session;
    // A command that does not read its input still ends.
    let feeding = async {
        if input.write(&stdin).await.is_ok() {
            let _ = input.close().await;
        }
        std::future::pending().await
    };
    tokio::select! {
        result = collect(&mut events) => result,
        result = feeding => result,
    }
}

async fn collect(events: &mut ExecEvents) -> Result<ExecResult, roost_host_api::ErrorBody> {
    let (mut out, mut err, mut truncated) = (Vec::new(), Vec::new(), false);
    while let Some(event) = events.next().await {
        match event {
            ExecEvent::Started { .. } => {}
            ExecEvent::Output { stream, data } => {
                let room = MAX_OUTPUT - out.len() - err.len();
                truncated |= data.len() > room;
                let kept = &data[..data.len().min(room)];
                match stream {
                    LogStream::Stdout => out.extend_from_slice(kept),
                    LogStream::Stderr => err.extend_from_slice(kept),
                }
            }
            ExecEvent::Exited { code, signal } => {
                return Ok(ExecResult {
                    exit_code: code,
                    exit_signal: signal.max(0),
                    stdout: String::from_utf8_lossy(&out).into_owned(),
                    stderr: String::from_utf8_lossy(&err).into_owned(),
                    truncated,
                });
            }
            ExecEvent::Failed { reason } => {
                return Err(invalid(format!("the command did not start: {reason}")));
            }
        }
    }
    Err(refuse(
        ErrorCode::GuestUnavailable,
        "the machine ended, or its connection broke, before the command did",
    ))
}

/// Answers 101, then speaks [`ExecFrame`]s.
pub async fn stream(
    State(app): State<App>,
    PathOf(id): PathOf<MachineId>,
    request: Request,
) -> Result<Response, Refusal> {
    let asked = request.headers().get(header::UPGRADE).and_then(|value| value.to_str().ok());
    if asked.is_none_or(|protocol| !protocol.eq_ignore_ascii_case(EXEC_PROTOCOL)) {
        return Err(invalid(format!("this call needs `Upgrade: {EXEC_PROTOCOL}`")).into());
    }
    let guest = client(&app, &id).await?;
    tokio::spawn(async move {
        match hyper::upgrade::on(request).await {
            Ok(upgraded) => tokio::select! {
                () = session(TokioIo::new(upgraded), guest) => {}
                () = app.shutdown.cancelled() => {}
            },
            Err(error) => tracing::debug!(machine = %id, %error, "exec session not upgraded"),
        }
    });
    let mut response = Response::new(HttpBody::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static(EXEC_PROTOCOL));
    Ok(response)
}

async fn session(io: impl AsyncRead + AsyncWrite + Send, guest: GuestClient) {
    let (read, write) = tokio::io::split(io);
    let codec = || LinesCodec::new_with_max_length(MAX_LINE_BYTES);
    let mut frames = FramedRead::new(read, codec()).map(|line| parse(line.ok()?));
    let mut answers = FramedWrite::new(write, codec());
    let first = timeout(START_TIMEOUT, frames.next()).await.ok().flatten().flatten();
    let started = match first {
        Some(ExecFrame::Start { request }) => guest.exec(request).await.map_err(|e| e.to_string()),
        _ => Err("the first frame must be `start`".to_owned()),
    };
    let ExecSession { mut events, input } = match started {
        Ok(session) => session,
        Err(reason) => {
            let _ = answers.send(line(&ExecFrame::Failed { reason })).await;
            return;
        }
    };
    let forward = async {
        while let Some(Some(frame)) = frames.next().await {
            if tell(&input, frame).await.is_none() {
                // The process ends before long, and says so.
                std::future::pending::<()>().await;
            }
        }
    };
    let back = async {
        while let Some(event) = events.next().await {
            let Some(frame) = frame_of(event) else { continue };
            let last = matches!(frame, ExecFrame::Exited { .. } | ExecFrame::Failed { .. });
            if answers.send(line(&frame)).await.is_err() || last {
                return;
            }
        }
        let reason = "the machine ended, or its connection broke".to_owned();
        let _ = answers.send(line(&ExecFrame::Failed { reason })).await;
    };
    // Whoever hangs up ends the command: its events are dropped.
    tokio::select! {
        () = forward => {}
        () = back => {}
    }
}

/// Passes on what the caller says; `None` when the process can not be told any more.
async fn tell(input: &ExecInput, frame: ExecFrame) -> Option<()> {
    let told = match frame {
        ExecFrame::Input { data } => match BASE64_STANDARD.decode(data) {
            Ok(data) if data.is_empty() => input.close().await,
            Ok(data) => input.write(&data).await,
            Err(_) => return None,
        },
        ExecFrame::Resize { rows, cols } => input.resize(TerminalSize { rows, cols }).await,
        ExecFrame::Signal { signal } => input.signal(signal).await,
        // Only the host says these, and a session is started once.
        ExecFrame::Start { .. }
        | ExecFrame::Output { .. }
        | ExecFrame::Exited { .. }
        | ExecFrame::Failed { .. } => {
            return Some(());
        }
    };
    told.ok()
}

fn frame_of(event: ExecEvent) -> Option<ExecFrame> {
    match event {
        ExecEvent::Started { .. } => None,
        ExecEvent::Output { stream, data } => {
            Some(ExecFrame::Output { stream, data: BASE64_STANDARD.encode(data) })
        }
        ExecEvent::Exited { code, signal } => Some(ExecFrame::Exited { code, signal }),
        ExecEvent::Failed { reason } => Some(ExecFrame::Failed { reason }),
    }
}

fn parse(line: String) -> Option<ExecFrame> {
    serde_json::from_str(&line).ok()
}

fn line(frame: &ExecFrame) -> String {
    serde_json::to_string(frame).unwrap_or_default()
}
