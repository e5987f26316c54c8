//! Answers that go on: the watch stream and logs, a JSON value a line.

use std::{io, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::State,
    response::{IntoResponse, Response},
};
use futures::Stream;
use http::header;
use roost_host_api::{LogQuery, WatchEvent};
use roost_model::AppName;
use serde::Serialize;
use tokio::{sync::broadcast::error::RecvError, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    App,
    answer::{Query, Refusal},
};
use crate::{context::refuse, host::Host, hub::Watch, logs::LogCursor, request::invalid};

/// A watcher takes a host for dead that is silent for several times this long.
const HEARTBEAT: Duration = Duration::from_millis(500);

pub async fn watch(State(app): State<App>) -> Response {
    let host = app.host;
    let watch = host.ctx().hub.watch();
    let mut first = line(&WatchEvent::Hello { host: host.info(), epoch: host.ctx().hub.epoch });
    for machine in &watch.machines {
        first.extend(line(&WatchEvent::Machine { seq: watch.seq, machine: Box::new((**machine).clone()) }));
    }
    first.extend(line(&WatchEvent::Synced { seq: watch.seq }));
    let state = Watcher { host, watch, first: Some(first), shutdown: app.shutdown };
    json_lines(futures::stream::unfold(state, |mut watcher| async {
        let bytes = watcher.next().await?;
        Some((Ok(Bytes::from(bytes)), watcher))
    }))
}

struct Watcher {
    host: Host,
    watch: Watch,
    first: Option<Vec<u8>>,
    shutdown: CancellationToken,
}

impl Watcher {
    /// The next lines; `None` ends the stream.
    async fn next(&mut self) -> Option<Vec<u8>> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let change = tokio::select! {
            change = timeout(HEARTBEAT, self.watch.changes.recv()) => change,
            () = self.shutdown.cancelled() => return None,
        };
        match change {
            Ok(Ok(event)) => Some(line(&*event)),
            Err(_) => Some(line(&WatchEvent::Heartbeat { seq: self.host.ctx().hub.seq() })),
            // Too slow: it has to begin anew rather than miss something.
            Ok(Err(RecvError::Lagged(_) | RecvError::Closed)) => None,
        }
    }
}

pub async fn logs(State(app): State<App>, Query(query): Query<LogQuery>) -> Result<Response, Refusal> {
    query.app.parse::<AppName>().map_err(|e| invalid(e.to_string()))?;
    let cursor = app.host.ctx().logs.query(&query).await;
    let cursor = cursor
        .map_err(|e| refuse(roost_host_api::ErrorCode::Internal, format!("the logs can not be read: {e}")))?;
    let state = (cursor, app.shutdown);
    let batches = futures::stream::unfold(state, |(mut cursor, shutdown): (LogCursor, _)| async move {
        let lines = tokio::select! {
            lines = cursor.next() => lines.transpose()?,
            () = shutdown.cancelled() => return None,
        };
        Some((lines.map(|lines| lines.iter().flat_map(line).collect::<Vec<u8>>().into()), (cursor, shutdown)))
    });
    Ok(json_lines(batches))
}

fn json_lines(lines: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Response {
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

fn line(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}
