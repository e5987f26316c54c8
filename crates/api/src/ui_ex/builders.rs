//! Builders that a client asks the platform for. Images are built where the person is; the answers
//! say how to get there.

use crate::error::ApiError;

pub async fn depot() -> ApiError {
    build_yourself("Depot is another company's service")
}

pub async fn managed() -> ApiError {
    build_yourself("this platform runs no builders of its own")
}

fn build_yourself(why: &str) -> ApiError {
    let message = format!(
        "{why}, so it can not build this image. Build it with your own Docker: `fly deploy --local-only`; \
         or with a BuildKit that you run: `BUILDKIT_ADDR=tcp://<host>:1234 fly deploy`; \
         or let `roost deploy` find a builder"
    );
    ApiError::unsupported(message)
}
