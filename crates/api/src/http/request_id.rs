//! Every answer names its request, so that what a person saw can be found in the log.

use axum::{extract::Request, middleware::Next, response::Response};
use http::HeaderValue;
use tracing::Instrument as _;
use ulid::Ulid;

/// Clients print it beside an error.
const HEADER: &str = "fly-request-id";

pub async fn request_id(request: Request, next: Next) -> Response {
    let id = Ulid::generate().to_string();
    let span =
        tracing::info_span!("call", request = %id, method = %request.method(), path = %request.uri().path());
    let mut response = next.run(request).instrument(span).await;
    // A ULID is of letters and digits.
    response.headers_mut().insert(HEADER, HeaderValue::from_str(&id).expect("a header's value"));
    response
}
