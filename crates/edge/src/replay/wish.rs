//! Whether an answer is for the client, or asks for a replay.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body_util::{BodyExt as _, Limited};
use roost_routing::replay::{CacheHeaders, Invalid, MAX_BODY, Replay, Stand};
use tokio::time::timeout;

use crate::{
    context::Edge,
    exchange::Answered,
    failure::{Code, Failure},
    respond::{AnswerBody, AppBody},
};

const REPLAY: HeaderName = HeaderName::from_static("fly-replay");
const CACHE: HeaderName = HeaderName::from_static("fly-replay-cache");
const CACHE_TTL: HeaderName = HeaderName::from_static("fly-replay-cache-ttl-secs");
const CACHE_BYPASS: HeaderName = HeaderName::from_static("fly-replay-cache-allow-bypass");

/// For the body of the JSON form, which apps send in one piece.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// Either.
pub(crate) enum Wish {
    /// The answer is for the client.
    None(Answered),
    Replay(Box<Replay>, Stand),
}

impl Wish {
    /// Looks at the head; reads the body only where that is the wish.
    pub async fn of(edge: &Arc<Edge>, answered: Answered) -> Result<Self, Failure> {
        let headers = answered.response.headers();
        if headers.contains_key(REPLAY) {
            let stand = stand(&answered);
            let replay = from_headers(headers).map_err(|error| invalid(&stand, &error))?;
            // Whatever the body holds is nobody's; a connection without one is kept.
            drop(body(edge, answered));
            return Ok(Self::Replay(Box::new(replay), stand));
        }
        let json =
            headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.to_str().is_ok_and(Replay::is_json));
        if !json {
            return Ok(Self::None(answered));
        }
        let stand = stand(&answered);
        let whole = timeout(BODY_TIMEOUT, Limited::new(body(edge, answered), MAX_BODY).collect()).await;
        let read = match whole {
            Ok(Ok(body)) => Replay::from_json(&body.to_bytes()),
            Ok(Err(error)) => Err(Invalid::new(format!("its body: {error}"))),
            Err(_) => Err(Invalid::new("its body did not arrive in time")),
        };
        let replay = read.map_err(|error| invalid(&stand, &error))?;
        Ok(Self::Replay(Box::new(replay), stand))
    }

    /// Whether an answer that is for the client ends what was kept for its request.
    pub fn forgets(answered: &Answered) -> bool {
        answered.response.headers().get(CACHE).is_some_and(|value| value == "invalidate")
    }
}

fn body(edge: &Arc<Edge>, answered: Answered) -> AnswerBody {
    let Answered { backend, permit, options, .. } = answered;
    let body = AppBody::new(edge, backend, permit, options.idle_timeout());
    AnswerBody::App(Box::new(body))
}

fn from_headers(headers: &HeaderMap) -> Result<Replay, Invalid> {
    let mut values = headers.get_all(REPLAY).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Invalid::new("the header comes more than once"));
    };
    let text = |value: &HeaderValue| value.to_str().map(str::to_owned).ok();
    let value = text(value).ok_or_else(|| Invalid::new("the header is not ASCII"))?;
    let beside = |name| headers.get(name).and_then(text);
    let (scope, ttl_secs, allow_bypass) = (beside(CACHE), beside(CACHE_TTL), beside(CACHE_BYPASS));
    let cache = CacheHeaders {
        scope: scope.as_deref(),
        ttl_secs: ttl_secs.as_deref(),
        allow_bypass: allow_bypass.as_deref(),
    };
    Replay::from_header(&value, cache)
}

fn stand(answered: &Answered) -> Stand {
    let target = answered.permit.target();
    Stand { app: answered.permit.app().clone(), machine: target.id.clone(), region: target.region.clone() }
}

fn invalid(stand: &Stand, error: &Invalid) -> Failure {
    Failure::new(Code::ReplayInvalid, format!("Machine {} of {}: {error}.", stand.machine, stand.app))
}
