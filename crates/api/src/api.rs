//! The role as a whole: opened once, served until the server ends.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use roost_directory::{Directory, DirectoryError};
use roost_edge_api::EdgeClient;
use roost_graphql::Executor;
use roost_host_api::HostClient;
use roost_images::registry::BlobStore;
use roost_seal::{KeyFileError, MasterKey};
use tokio::{
    net::{TcpListener, UnixListener},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    ApiConfig, ImageResolver,
    acme::{self, Acme},
    audit::{self, Trail},
    auth::{self, AdminTokenError, Book},
    collect, deploy,
    deploy::Deployer,
    hosts::Hosts,
    http,
    login::{BrowserSessions, Logins},
    machine_door,
    oidc::{self, IdentityKeys},
    orgs,
    rate::RateLimiter,
    registration,
    store::Store,
    tokens,
};

/// How long calls in flight may take to end when the server stops; streams are cut.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);

/// What the api works with.
pub struct ApiParts {
    pub directory: Arc<dyn Directory>,
    /// The host of this box.
    pub host: HostClient,
    /// The edge of this box, asked by drains for the requests in flight.
    pub edge: EdgeClient,
    pub images: Arc<dyn ImageResolver>,
}

/// Shared by all handlers and tasks.
pub struct Api {
    pub(crate) config: ApiConfig,
    pub(crate) store: Store,
    /// Tokens, users, orgs, members.
    pub(crate) book: Arc<Book>,
    pub(crate) trail: Trail,
    /// Taken when the role begins to serve.
    machine_listener: Mutex<Option<UnixListener>>,
    pub(crate) logins: Logins,
    pub(crate) browser_sessions: BrowserSessions,
    pub(crate) hosts: Hosts,
    pub(crate) edge: EdgeClient,
    pub(crate) images: Arc<dyn ImageResolver>,
    pub(crate) blobs: Arc<BlobStore>,
    pub(crate) master_key: MasterKey,
    pub(crate) deployer: Deployer,
    pub(crate) acme: Acme,
    pub(crate) identity_keys: IdentityKeys,
    pub(crate) graphql: Executor,
    pub(crate) limiter: RateLimiter,
    /// Ends with the role: streams listen to it.
    pub(crate) shutdown: CancellationToken,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Key(#[from] KeyFileError),
    #[error(transparent)]
    AdminToken(#[from] AdminTokenError),
    #[error("cannot open the registry's folder")]
    Registry(#[source] io::Error),
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Trail(#[from] audit::OpenError),
    #[error(transparent)]
    IdentityKey(#[from] oidc::KeyError),
    #[error("cannot open the socket of machines' calls")]
    MachineSocket(#[source] io::Error),
    #[error("{0}")]
    Setup(String),
}

impl Api {
    /// Makes what a first start needs: keys, the admin token, the org `personal`.
    pub async fn open(
        config: ApiConfig,
        parts: ApiParts,
        shutdown: CancellationToken,
    ) -> Result<Arc<Self>, OpenError> {
        let master_key = MasterKey::open_in(&config.keys)?;
        let blobs = BlobStore::open(&config.registry_blobs).map_err(OpenError::Registry)?;
        let store = Store::new(parts.directory);
        let administrator = config.first_administrator();
        orgs::ensure_first(&store, &administrator).await.map_err(|e| OpenError::Setup(e.to_string()))?;
        auth::ensure_admin_token(&store, &config.admin_token, &administrator).await?;
        let identity_keys = IdentityKeys::open(&store, &master_key).await?;
        let machine_listener =
            machine_door::bind(&config.machine_socket).map_err(OpenError::MachineSocket)?;
        let trail = Trail::open(&config.audit)?;
        let book = Arc::new(Book::load(&*store.directory).await?);
        Ok(Arc::new(Self {
            deployer: Deployer::new(&config.node),
            graphql: Executor::default(),
            acme: Acme::default(),
            limiter: RateLimiter::new(config.rate_limits),
            book,
            trail,
            identity_keys,
            machine_listener: Mutex::new(Some(machine_listener)),
            logins: Logins::default(),
            browser_sessions: BrowserSessions::default(),
            store,
            hosts: Hosts::one(parts.host),
            edge: parts.edge,
            images: parts.images,
            blobs: Arc::new(blobs),
            master_key,
            config,
            shutdown,
        }))
    }

    /// Serves the API, goes on with deploys that were begun, registers hosts and collects images,
    /// until the shutdown.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) -> io::Result<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(deploy::supervise(Arc::clone(&self)));
        tasks.spawn(registration::keep_registered(Arc::clone(&self)));
        tasks.spawn(collect::collect_regularly(Arc::clone(&self)));
        tasks.spawn(tokens::keep_house(Arc::clone(&self)));
        let (book, directory) = (Arc::clone(&self.book), Arc::clone(&self.store.directory));
        let ends = self.shutdown.clone();
        tasks.spawn(async move { book.follow(directory, ends).await });
        let shutdown = self.shutdown.clone();
        let asked = shutdown.clone();
        let router = http::router(Arc::clone(&self));
        let door = self.machine_listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(door) = door {
            tasks.spawn(machine_door::serve(door, router.clone(), self.shutdown.clone()));
        }
        tasks.spawn(acme::issue_regularly(Arc::clone(&self)));
        tasks.spawn(oidc::keep_rotating(Arc::clone(&self)));
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        let serving =
            axum::serve(listener, router).with_graceful_shutdown(async move { asked.cancelled().await });
        let serving = async { serving.await };
        tokio::pin!(serving);
        let result = tokio::select! {
            result = &mut serving => result,
            () = async {
                shutdown.cancelled().await;
                tokio::time::sleep(SHUTDOWN_GRACE).await;
            } => Ok(()),
        };
        shutdown.cancel();
        self.deployer.pause().await;
        // Each ends by itself at the next point where that is safe.
        let _ = timeout(SHUTDOWN_GRACE, async { while tasks.join_next().await.is_some() {} }).await;
        result
    }
}
