//! Who calls.

use async_graphql::{ID, Interface, SimpleObject};

/// A person, or a token that stands for none.
#[derive(Debug, Clone, Interface)]
#[graphql(field(name = "email", ty = "&String"), field(name = "name", ty = "&Option<String>"))]
pub enum Principal {
    User(User),
    Macaroon(Macaroon),
}

#[derive(Debug, Clone, SimpleObject)]
pub struct User {
    pub id: ID,
    pub email: String,
    pub name: Option<String>,
    /// Nothing is paid for here.
    pub enable_paid_hobby: bool,
}

/// A token that carries its rights in itself. The platform makes none; documents name the type.
#[derive(Debug, Clone, SimpleObject)]
pub struct Macaroon {
    pub email: String,
    pub name: Option<String>,
}
