//! One leg of a request: a machine that takes it, a connection, and the head of its answer.

use std::sync::Arc;

use http::{Response, StatusCode};
use roost_model::HttpOptions;
use tokio::time::Instant;

use crate::{
    backend::Backend,
    connect::connect,
    context::Edge,
    failure::Failure,
    forward::{Outgoing, Sent},
    limits,
    permit::Permit,
    route::Journey,
    statics,
};

/// The head of an answer, and where its body comes from.
pub(crate) struct Answered {
    pub response: Response<()>,
    pub backend: Backend,
    pub permit: Permit,
    /// Of the port that the request came to.
    pub options: Arc<HttpOptions>,
    /// When the head was here.
    pub at: Instant,
}

/// Why there is none.
pub(crate) enum Lost {
    /// No machine was reached: the request can go elsewhere.
    Unreached(Failure),
    /// A machine may have seen it.
    Broken(Failure),
}

/// Sends the request to the machines that the journey leads to, until one answers.
pub(crate) async fn exchange(
    edge: &Arc<Edge>,
    journey: &mut Journey,
    outgoing: &mut Outgoing<'_>,
) -> Result<Answered, Lost> {
    let mut resends = 0;
    loop {
        let permit = journey.admit().await.map_err(Lost::Unreached)?;
        let from_folder = outgoing.may_be_static(permit.route());
        let permit = if from_folder { permit.for_statics() } else { permit };
        outgoing.tell_unavailable(journey.missed_preference(permit.target()));
        let options = permit.http(journey.public_port()).cloned().unwrap_or_default();
        let wire = outgoing.wire(options.speaks_h2() && !from_folder);
        let limit = journey.dial_limit();
        let begun = Instant::now();
        let connected = match connect(edge, &permit, wire, limit, begun).await {
            Ok(connected) => {
                permit.target().load.accepted();
                connected
            }
            Err(_) if from_folder => {
                outgoing.ask_the_app();
                continue;
            }
            Err(failure) => {
                journey.refused(permit.target(), failure).map_err(Lost::Unreached)?;
                continue;
            }
        };
        let slow = edge.config.slow_clients;
        match outgoing.send(connected, slow, &options).await.map_err(Lost::Broken)? {
            Sent::Answered(response, _) if from_folder && response.status() == StatusCode::NOT_FOUND => {
                outgoing.ask_the_app();
            }
            Sent::Answered(mut response, backend) => {
                if from_folder {
                    statics::tell_type(outgoing.head(), response.headers_mut());
                }
                let at = Instant::now();
                permit.counts().app.count(response.status().as_u16(), at.duration_since(begun));
                return Ok(Answered { response, backend, permit, options, at });
            }
            Sent::Again(failure) if resends == limits::MAX_RESENDS => return Err(Lost::Unreached(failure)),
            Sent::Again(_) => resends += 1,
        }
    }
}
