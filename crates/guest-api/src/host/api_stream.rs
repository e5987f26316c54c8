//! Connections that processes of the guest make to the api, through the socket of `init`.
//!
//! Both directions work on credit, as those of an exec do.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use tokio::sync::{Semaphore, mpsc};

use super::{GuestClient, GuestError};
use crate::{
    HostMessage,
    channel::{EXEC_CHUNK, EXEC_WINDOW, chunk_cost},
};

/// A connection that the guest has opened, before somebody takes care of it.
#[derive(Debug)]
pub struct ApiOpened {
    pub(super) stream: u32,
    pub(super) received: mpsc::Receiver<Vec<u8>>,
    pub(super) credit: Arc<Semaphore>,
}

/// What comes from the guest. Dropping it closes the connection; what was written before still arrives.
#[derive(Debug)]
pub struct ApiReader {
    client: GuestClient,
    opened: ApiOpened,
    taken: usize,
}

/// What goes to the guest.
#[derive(Debug)]
pub struct ApiWriter {
    client: GuestClient,
    stream: u32,
    credit: Arc<Semaphore>,
}

impl GuestClient {
    /// Takes a connection up.
    pub fn api_stream(&self, opened: ApiOpened) -> (ApiReader, ApiWriter) {
        let (stream, credit) = (opened.stream, opened.credit.clone());
        let writer = ApiWriter { client: self.clone(), stream, credit };
        (ApiReader { client: self.clone(), opened, taken: 0 }, writer)
    }
}

impl ApiReader {
    /// The next piece; an empty one when the guest sends no more; nothing when the connection is gone.
    pub async fn read(&mut self) -> Option<Vec<u8>> {
        if self.taken >= EXEC_WINDOW / 4 {
            let cost = self.taken as u64;
            self.taken = 0;
            let stream = self.opened.stream;
            self.client.send(HostMessage::ApiTaken { stream, cost }).await.ok()?;
        }
        let data = self.opened.received.recv().await?;
        self.taken += chunk_cost(data.len());
        Some(data)
    }
}

impl Drop for ApiReader {
    fn drop(&mut self) {
        let (client, stream) = (self.client.clone(), self.opened.stream);
        client.waiting().forget_api(stream);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // Fails only when the channel has ended, which closes the connection as well.
                let _closed = client.send(HostMessage::ApiClosed { stream }).await;
            });
        }
    }
}

impl ApiWriter {
    /// Waits while the guest's process does not read.
    pub async fn write(&self, data: &[u8]) -> Result<(), GuestError> {
        for chunk in data.chunks(EXEC_CHUNK) {
            let cost = u32::try_from(chunk_cost(chunk.len())).unwrap_or(u32::MAX);
            self.credit.acquire_many(cost).await.map_err(|_| GuestError::Closed)?.forget();
            let data = BASE64_STANDARD.encode(chunk);
            self.client.send(HostMessage::ApiData { stream: self.stream, data }).await?;
        }
        Ok(())
    }
}
