//! The stream of changes.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::State,
};
use futures::{Stream, StreamExt, stream};
use roost_host_api::{ErrorBody, ErrorCode, WatchEvent};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::timeout,
};

use super::{Host, Refusal};

const HEARTBEAT: Duration = Duration::from_secs(1);

pub async fn watch(State(host): Host) -> Result<Body, Refusal> {
    let mut silent = host.silent.subscribe();
    if *silent.borrow() {
        let message = "the test has cut this host off".to_owned();
        return Err(ErrorBody { code: ErrorCode::Internal, message }.into());
    }
    let cut_off = async move { drop(silent.wait_for(|silent| *silent).await) };
    let changes = host.events.subscribe();
    let hello = WatchEvent::Hello { host: host.info.clone(), epoch: host.epoch };
    let now = host.machines().into_iter().map(|m| WatchEvent::Machine { seq: 0, machine: Box::new(m) });
    let first = [hello].into_iter().chain(now).chain([WatchEvent::Synced { seq: 0 }]);
    let events = stream::iter(first.collect::<Vec<_>>()).chain(follow(changes)).take_until(Box::pin(cut_off));
    Ok(Body::from_stream(events.map(|event| {
        let mut line = serde_json::to_vec(&event).expect("an event is JSON");
        line.push(b'\n');
        Ok::<_, Infallible>(Bytes::from(line))
    })))
}

/// Changes as they happen, a heartbeat when there are none, the end for a reader that is too slow.
fn follow(changes: Receiver<WatchEvent>) -> impl Stream<Item = WatchEvent> {
    stream::unfold(changes, |mut changes| async move {
        match timeout(HEARTBEAT, changes.recv()).await {
            Ok(Ok(event)) => Some((event, changes)),
            Ok(Err(RecvError::Closed | RecvError::Lagged(_))) => None,
            Err(_) => Some((WatchEvent::Heartbeat { seq: 0 }, changes)),
        }
    })
}
