//! Addresses of apps.

use async_trait::async_trait;
use roost_graphql::{
    Answer,
    platform::Addresses,
    types::{address::IpAddress, app::App},
};

use super::Session;

/// Apps are told apart by their names; none has an address of its own.
#[async_trait]
impl Addresses for Session {
    async fn addresses(&self, app: &App) -> Answer<Vec<IpAddress>> {
        let _ = app;
        Ok(Vec::new())
    }

    async fn shared_address(&self, app: &App) -> Answer<Option<String>> {
        let _ = app;
        Ok(None)
    }
}
