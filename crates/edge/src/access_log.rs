//! The access log: a line in the app's log for each request, where its service asks for that.

use std::{sync::Arc, time::Duration};

use http::request::Parts;

use crate::{client::Client, context::Edge, exchange::Answered, headers::RequestId};

/// Longest part of a path that is told.
const MAX_PATH: usize = 512;

/// Notes a request as its machine saw it. Without the query: what is secret is often there.
pub(crate) fn note(
    edge: &Arc<Edge>,
    client: &Client,
    head: &Parts,
    answered: &Answered,
    took: Duration,
    id: &RequestId,
) {
    let Answered { response, permit, .. } = answered;
    let (method, path, status) = (&head.method, head.uri.path(), response.status().as_u16());
    let path = &path[..path.floor_char_boundary(MAX_PATH)];
    let scheme = if client.tls.is_some() { "https" } else { "http" };
    let (ms, peer, id) = (took.as_millis(), client.peer.ip(), id.as_str());
    let line = format!("{method} {path} {status} ms={ms} client={peer} scheme={scheme} request={id}");
    edge.app_log.access(permit.app(), &permit.target().id, line);
}
