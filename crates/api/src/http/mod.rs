//! From a request to a handler: the routes, and what handlers take.

mod extract;
mod ndjson;
mod request_id;
mod router;

pub use self::{
    extract::{AppPath, Body, MachinePath, Params, param},
    ndjson::{JSON_LINES, json_lines},
    router::router,
};
