//! The document: every operation of the table, with its parameters, bodies, errors and rights.

use std::collections::BTreeSet;

use axum::{
    Router,
    http::{Method, header::CONTENT_TYPE},
    routing,
};
use bytes::Bytes;
use roost_api_types::ErrorBody;
use serde_json::{Map, Value, json};

use super::{Operation, Schemas, Signature};
use crate::auth::routes::{self, Needs};

/// Where everybody may read the document.
const PATH: &str = "/v1/openapi.json";

pub fn route(document: &Value) -> Router {
    let text = Bytes::from(document.to_string());
    let answer = || async move { ([(CONTENT_TYPE, "application/json")], text) };
    Router::new().route(PATH, routing::get(answer))
}

/// OpenAPI 3.1, in the order of the alphabet, so that a change of the code is a change of a few lines.
pub fn document(operations: &[Operation]) -> Value {
    let mut schemas = Schemas::default();
    let error = schemas.written::<ErrorBody>();
    let mut paths = Map::new();
    for operation in operations {
        let mut signature = Signature::default();
        (operation.describe)(&mut signature, &mut schemas);
        let path = paths.entry(operation.path.clone()).or_insert_with(|| json!({}));
        path[operation.method.as_str().to_lowercase()] = described(operation, signature);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Roost",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The Machines API, and Roost's own calls beside it.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "responses": answers_of_errors(&error),
            "securitySchemes": { "token": {
                "type": "http", "scheme": "bearer",
                "description": "An API token; `FlyV1` is taken as the scheme as well.",
            } },
        },
    });
    schemas.finish(&mut document);
    document.sort_all_objects();
    document
}

fn described(operation: &Operation, signature: Signature) -> Value {
    let Operation { method, path, call, .. } = operation;
    let needs = routes::needs(method, path);
    let responses = responses(operation, &signature);
    let mut described = json!({ "operationId": call.id, "summary": call.summary, "responses": responses });
    if let Some(right) = needs.and_then(right) {
        described["description"] = json!(right);
    }
    described["security"] = match needs {
        None => json!([]),
        // A machine shows no token through its own socket.
        Some(Needs::Identity | Needs::OwnMachine) => json!([{ "token": [] }, {}]),
        Some(_) => json!([{ "token": [] }]),
    };
    let parameters = parameters(operation, &signature);
    if !parameters.is_empty() {
        described["parameters"] = json!(parameters);
    }
    if let Some(body) = signature.body {
        let content = json!({ "application/json": { "schema": body.schema } });
        described["requestBody"] = json!({ "content": content, "required": body.required });
    }
    described
}

fn parameters(operation: &Operation, signature: &Signature) -> Vec<Value> {
    let names = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let of_path = names
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    // Reading asks for no lease.
    let reads = operation.method == Method::GET;
    let others = signature.parameters.iter().filter(|p| !(reads && p["in"] == "header")).cloned();
    of_path.chain(others).collect()
}

fn responses(operation: &Operation, signature: &Signature) -> Value {
    let mut responses = Map::new();
    if let Some(status) = operation.call.success {
        let mut success = json!({ "description": "Done" });
        let media = operation.call.media.unwrap_or("application/json");
        match (&signature.answer, operation.call.media) {
            (Some(schema), _) => success["content"] = json!({ media: { "schema": schema } }),
            (None, Some(_)) => success["content"] = json!({ media: {} }),
            (None, None) => {}
        }
        responses.insert(status.to_string(), success);
    }
    for status in errors(operation, signature) {
        let reference = format!("#/components/responses/error-{status}");
        responses.insert(status.to_string(), json!({ "$ref": reference }));
    }
    Value::Object(responses)
}

/// Statuses of the errors that a call may end in, as its shape says.
fn errors(operation: &Operation, signature: &Signature) -> BTreeSet<u16> {
    let mut errors: BTreeSet<u16> = operation.call.errors.iter().copied().collect();
    if routes::needs(&operation.method, &operation.path).is_some() {
        errors.extend([401, 403, 429, 500, 504]);
    }
    if operation.path.contains('{') {
        errors.insert(404);
    }
    if signature.parameters.iter().any(|parameter| parameter["in"] == "query") {
        errors.insert(400);
    }
    if signature.body.is_some() {
        errors.extend([400, 413, 415]);
    }
    if operation.method != Method::GET {
        errors.extend([409, 412, 422]);
    }
    if operation.call.success.is_none() {
        errors.insert(422);
    }
    errors
}

/// What each status of an error means.
const MEANINGS: [(u16, &str); 14] = [
    (400, "The call can not be understood"),
    (401, "No token, or none that is known here"),
    (403, "The token may not do that"),
    (404, "There is no such thing, or the token may not see it"),
    (405, "The path does not take the method"),
    (408, "Not in time"),
    (409, "Somebody else has it, or it is of another version"),
    (412, "Its state does not allow it"),
    (413, "The body is too large"),
    (415, "The body is not JSON"),
    (422, "Understood, and not possible here"),
    (429, "Too many calls of this kind; `retry-after` says when to send it again"),
    (500, "A failure of the server"),
    (504, "The host, or what runs in the machine, does not answer"),
];

fn answers_of_errors(error: &Value) -> Value {
    let content = json!({ "application/json": { "schema": error } });
    let answers = MEANINGS.map(|(status, meaning)| {
        (format!("error-{status}"), json!({ "description": meaning, "content": content }))
    });
    Value::Object(answers.into_iter().collect())
}

fn right(needs: Needs) -> Option<String> {
    Some(match needs {
        Needs::Identity => "Needs a token, or to be a machine that calls through its own socket.".to_owned(),
        Needs::Token => return None,
        Needs::Server => "Needs a token of an administrator of the server.".to_owned(),
        Needs::Org(right) => format!("Needs the right to {right}."),
        Needs::App(right) => format!("Needs the right to {right}."),
        Needs::OwnMachine => "Needs the right to change app, or to be the machine.".to_owned(),
    })
}
