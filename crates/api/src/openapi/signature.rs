//! What a handler's signature says about its call: which parameters and body it reads, what it answers.

use std::future::Future;

use axum::{
    Extension, Json,
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use schemars::JsonSchema;
use serde_json::{Value, json};

use super::Schemas;
use crate::error::ApiError;

#[derive(Default)]
pub struct Signature {
    /// Parameters of the query and of headers; those of the path stand in the path.
    pub parameters: Vec<Value>,
    pub body: Option<Body>,
    /// Schema of the answer, of an operation that has one.
    pub answer: Option<Value>,
}

pub struct Body {
    pub schema: Value,
    pub required: bool,
}

impl Signature {
    /// A body need not be there when all of its keys may be left out.
    pub fn body<T: JsonSchema>(&mut self, schemas: &mut Schemas) {
        let required = schemas.requires_keys::<T>();
        self.body = Some(Body { schema: schemas.read::<T>(), required });
    }

    pub fn header(&mut self, name: &str, description: &str) {
        self.parameters.push(json!({
            "name": name, "in": "header", "description": description, "schema": { "type": "string" },
        }));
    }
}

/// An argument of a handler.
pub trait Input {
    fn describe(signature: &mut Signature, schemas: &mut Schemas);
}

/// The result of a handler.
pub trait Output {
    fn describe(signature: &mut Signature, schemas: &mut Schemas);
}

/// A handler. `D` tells its arguments, which a trait of functions can not name otherwise.
pub trait Documented<D> {
    fn describe(signature: &mut Signature, schemas: &mut Schemas);
}

macro_rules! documented {
    ($($input:ident),*) => {
        impl<F, A, $($input,)*> Documented<(A, $($input,)*)> for F
        where
            F: FnOnce($($input),*) -> A,
            A: Future<Output: Output>,
            $($input: Input,)*
        {
            fn describe(signature: &mut Signature, schemas: &mut Schemas) {
                $($input::describe(signature, schemas);)*
                <A::Output as Output>::describe(signature, schemas);
            }
        }
    };
}

documented!();
documented!(I1);
documented!(I1, I2);
documented!(I1, I2, I3);
documented!(I1, I2, I3, I4);
documented!(I1, I2, I3, I4, I5);

/// Arguments that come from the server, or from the path.
macro_rules! silent {
    ($($input:ty),*) => {
        $(impl Input for $input {
            fn describe(_: &mut Signature, _: &mut Schemas) {}
        })*
    };
}

silent!(HeaderMap, Request);

impl<T> Input for State<T> {
    fn describe(_: &mut Signature, _: &mut Schemas) {}
}

impl<T> Input for Extension<T> {
    fn describe(_: &mut Signature, _: &mut Schemas) {}
}

impl<T> Input for Path<T> {
    fn describe(_: &mut Signature, _: &mut Schemas) {}
}

impl<T: JsonSchema> Output for Json<T> {
    fn describe(signature: &mut Signature, schemas: &mut Schemas) {
        signature.answer = Some(schemas.written::<T>());
    }
}

impl<T: Output> Output for Result<T, ApiError> {
    fn describe(signature: &mut Signature, schemas: &mut Schemas) {
        T::describe(signature, schemas);
    }
}

impl<T: Output> Output for (StatusCode, T) {
    fn describe(signature: &mut Signature, schemas: &mut Schemas) {
        T::describe(signature, schemas);
    }
}

/// What is between goes to the audit trail.
impl<E, T: Output> Output for (StatusCode, Extension<E>, T) {
    fn describe(signature: &mut Signature, schemas: &mut Schemas) {
        T::describe(signature, schemas);
    }
}

impl Output for String {
    fn describe(signature: &mut Signature, _: &mut Schemas) {
        signature.answer = Some(json!({ "type": "string" }));
    }
}

/// No body, or one that goes on and is described in words.
macro_rules! without_schema {
    ($($output:ty),*) => {
        $(impl Output for $output {
            fn describe(_: &mut Signature, _: &mut Schemas) {}
        })*
    };
}

without_schema!(StatusCode, Response, ApiError);
