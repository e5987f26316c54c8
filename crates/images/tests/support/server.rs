//! A registry on a loopback port, and a front that breaks connections.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use roost_images::registry::{self, Access, Authorizer, BlobStore, Credentials, Denied};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// `user`/`secret` may do everything below `app`; `reader`/`secret` may pull; nobody else is known.
pub struct Users;

#[async_trait]
impl Authorizer for Users {
    async fn authorize(
        &self,
        credentials: Option<&Credentials>,
        repository: Option<&str>,
        access: Access,
    ) -> Result<(), Denied> {
        let user = match credentials {
            Some(Credentials::Basic { username, password }) if password == "secret" => username.as_str(),
            Some(Credentials::Bearer(token)) if token == "token-of-user" => "user",
            _ => return Err(Denied::Unauthenticated("log in first".to_owned())),
        };
        let allowed = user == "user" || access == Access::Pull;
        let in_app = repository.is_none_or(|name| name.starts_with("app"));
        if allowed && in_app { Ok(()) } else { Err(Denied::Forbidden("not for you".to_owned())) }
    }
}

pub struct Everybody;

#[async_trait]
impl Authorizer for Everybody {
    async fn authorize(&self, _: Option<&Credentials>, _: Option<&str>, _: Access) -> Result<(), Denied> {
        Ok(())
    }
}

/// A running registry; ends when dropped.
pub struct Server {
    pub address: String,
    pub store: Arc<BlobStore>,
    task: JoinHandle<()>,
}

impl Server {
    pub async fn start(dir: &Path, auth: impl Authorizer) -> Self {
        let store = Arc::new(BlobStore::open(dir).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = registry::router(store.clone(), Arc::new(auth));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, store, task }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Passes connections on, and cuts each one's answer after some bytes.
pub struct Cutter {
    pub address: String,
    pub connections: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Cutter {
    pub async fn start(target: &str, bytes: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let connections = Arc::new(AtomicU64::new(0));
        let (target, count) = (target.to_owned(), connections.clone());
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(cut(client, target.clone(), bytes));
            }
        });
        Self { address, connections, task }
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn cut(client: TcpStream, target: String, bytes: u64) {
    let server = TcpStream::connect(target).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let up = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let _ = tokio::io::copy(&mut from_server.take(bytes), &mut to_client).await;
    let _ = to_client.shutdown().await;
    up.abort();
}
