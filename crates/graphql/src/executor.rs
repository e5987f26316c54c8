//! From a document to its answer.

use std::sync::Arc;

use async_graphql::{EmptySubscription, Request, Schema, Variables};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Code, Platform, Refusal, mutation::Mutations, query::Queries};

/// Fields inside fields. The deepest document of flyctl has 9.
const MAX_DEPTH: usize = 14;

/// What a document may cost: one for each field, times the length of each list that it is in.
/// The dearest of flyctl, all apps of an organization, costs about 3,000.
const MAX_COMPLEXITY: usize = 20_000;

/// Directives on one field.
const MAX_DIRECTIVES: usize = 10;

/// What a client sends. Variables that the document does not declare are ignored.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    pub query: String,
    #[serde(default)]
    pub variables: Value,
    #[serde(default)]
    pub operation_name: Option<String>,
}

/// Executes documents; cheap to share.
#[derive(Clone)]
pub struct Executor(Schema<Queries, Mutations, EmptySubscription>);

impl Default for Executor {
    fn default() -> Self {
        let schema = Schema::build(Queries, Mutations::default(), EmptySubscription)
            .limit_depth(MAX_DEPTH)
            .limit_complexity(MAX_COMPLEXITY)
            .limit_directives(MAX_DIRECTIVES);
        Self(schema.finish())
    }
}

impl Executor {
    /// The answer as it goes to the client: `data`, and `errors` if there are any.
    pub async fn execute(&self, document: Document, platform: Arc<dyn Platform>) -> Value {
        let mut request =
            Request::new(document.query).variables(Variables::from_json(document.variables)).data(platform);
        if let Some(name) = document.operation_name.filter(|name| !name.is_empty()) {
            request = request.operation_name(name);
        }
        let mut response = self.0.execute(request).await;
        for error in &mut response.errors {
            // Only the platform's own refusals say what kind they are; the rest is about the document.
            let extensions = error.extensions.get_or_insert_default();
            if extensions.get("code").is_none() {
                extensions.set("code", Code::Invalid.as_str());
            }
        }
        serde_json::to_value(response).unwrap_or_else(|error| {
            refused(&Refusal::new(Code::ServerError, format!("the answer cannot be written: {error}")))
        })
    }

    /// The schema, in GraphQL's own language.
    pub fn sdl(&self) -> String {
        self.0.sdl()
    }
}

/// The answer to a request that is refused before it is a document.
pub fn refused(refusal: &Refusal) -> Value {
    let Refusal { code, message } = refusal;
    json!({ "data": null, "errors": [{ "message": message, "extensions": { "code": code.as_str() } }] })
}
