//! The table of calls: a path, and for each of its methods a name, a sentence and the handler. It gives the
//! router its routes and the document its operations, so that neither can have what the other lacks.

use std::sync::Arc;

use axum::{
    Router,
    handler::Handler,
    http::Method,
    routing::{MethodFilter, MethodRouter},
};

use super::{Schemas, Signature, signature::Documented};
use crate::api::Api;

/// What the document says of a call, and the handler's signature does not.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// Unique; clients that are generated name their functions after it.
    pub id: &'static str,
    pub summary: &'static str,
    /// Status of the answer when all is well; `None` when the call is always refused.
    pub success: Option<u16>,
    /// Statuses of errors beyond those that every such call has.
    pub errors: &'static [u16],
    /// Content type of an answer that is not JSON.
    pub media: Option<&'static str>,
}

pub const fn call(id: &'static str, summary: &'static str) -> Call {
    Call { id, summary, success: Some(200), errors: &[], media: None }
}

impl Call {
    pub const fn answers(self, status: u16) -> Self {
        Self { success: Some(status), ..self }
    }

    /// Answers, always, that this server does not offer it.
    pub const fn refused(self) -> Self {
        Self { success: None, ..self }
    }

    pub const fn or_fails(self, errors: &'static [u16]) -> Self {
        Self { errors, ..self }
    }

    pub const fn media(self, media: &'static str) -> Self {
        Self { media: Some(media), ..self }
    }
}

/// A call of the document.
pub struct Operation {
    pub method: Method,
    pub path: String,
    pub call: Call,
    pub describe: fn(&mut Signature, &mut Schemas),
}

#[derive(Default)]
pub struct Routes {
    pub router: Router<Arc<Api>>,
    pub operations: Vec<Operation>,
}

impl Routes {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn at(mut self, path: &str, methods: Methods) -> Self {
        self.router = self.router.route(path, methods.router);
        let described = methods.described.into_iter();
        self.operations.extend(described.map(|(method, call, describe)| Operation {
            method,
            path: path.to_owned(),
            call,
            describe,
        }));
        self
    }

    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.operations.extend(other.operations);
        self
    }

    /// Calls that are not in the document.
    pub fn undocumented(mut self, router: Router<Arc<Api>>) -> Self {
        self.router = self.router.merge(router);
        self
    }
}

type Described = (Method, Call, fn(&mut Signature, &mut Schemas));

/// What a path answers to.
#[derive(Default)]
pub struct Methods {
    router: MethodRouter<Arc<Api>>,
    described: Vec<Described>,
}

macro_rules! methods {
    ($($name:ident $method:ident),*) => {
        $(
            pub fn $name<H, T, D>(call: Call, handler: H) -> Methods
            where
                H: Handler<T, Arc<Api>> + Documented<D>,
                T: 'static,
            {
                Methods::default().$name(call, handler)
            }
        )*

        impl Methods {
            $(
                pub fn $name<H, T, D>(mut self, call: Call, handler: H) -> Self
                where
                    H: Handler<T, Arc<Api>> + Documented<D>,
                    T: 'static,
                {
                    self.router = self.router.on(MethodFilter::$method, handler);
                    self.described.push((Method::$method, call, H::describe));
                    self
                }
            )*
        }
    };
}

methods!(get GET, post POST, put PUT, patch PATCH, delete DELETE);
