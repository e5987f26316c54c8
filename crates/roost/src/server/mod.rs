//! `roost server`: the roles of this process, started in order and stopped in reverse.
//!
//! Responsible for: the data folder and its lock, logging, opening listeners, handing each role what
//! it needs, telling systemd when all of them serve, an orderly end that leaves machines running, and giving all of
//! it to another server that comes next. Not responsible for: what a role does. The roles share no state here; they
//! meet at their sockets.

mod api;
mod control;
mod data_dir;
mod dns;
mod edge;
mod handover;
mod host;
mod logging;
mod notify;
mod platform_registry;
mod private_socket;
mod read_model;
mod running;
mod signals;
mod watchdog;

use std::time::Duration;

use anyhow::Context as _;
use roost_catalog::Catalog;
use roost_edge::{Handover, Loops, Sockets};
use roost_host_api::HostClient;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use data_dir::{DataDir, Paths};
pub use handover::Predecessor;
pub use logging::init as init_logging;

use crate::config::{Role, ServerConfig};
use control::Control;
use handover::{Launch, Successor};
use running::Running;
use signals::{Asked, Signals};
use watchdog::Watch;

/// Runs the configured roles until a signal, until one of them fails, or until another server has taken over.
pub async fn run(config: ServerConfig, predecessor: Option<Predecessor>) -> anyhow::Result<()> {
    let launch = Launch::of_this_server().context("cannot find this program")?;
    let mut signals = Signals::listen().context("cannot wait for signals")?;
    let mut server = Server::start(config, predecessor).await?;
    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop(signal) => {
                    tracing::info!(signal, "stopping; machines keep running");
                    server.stop().await;
                    return Ok(());
                }
                Asked::Reload => match server.hand_over(&launch).await {
                    HandedOver::To(successor, old) => return old.drain(*successor, &mut signals).await,
                    HandedOver::Not(error, old) => {
                        let error = format!("{error:#}");
                        tracing::error!(error, "no other server took over; this one goes on");
                        server = *old?;
                    }
                },
            },
            (role, result) = server.first_end() => {
                server.stop().await;
                result.with_context(|| format!("the {role} role failed"))?;
                anyhow::bail!("the {role} role ended by itself");
            }
        }
    }
}

/// For the directory to be read, which is a file of this box.
const ADDRESSES_PATIENCE: Duration = Duration::from_secs(30);

/// Everything that runs.
struct Server {
    config: ServerConfig,
    catalog: Catalog,
    sockets: Sockets,
    control: Control,
    edge: Running,
    handover: Handover,
    watch: Watch,
}

/// What is left when another server has taken over: an edge that empties itself.
struct Draining {
    config: ServerConfig,
    catalog: Catalog,
    edge: Running,
}

/// How a try to let another server take over came out.
enum HandedOver {
    To(Box<Successor>, Box<Draining>),
    /// Why not, and this server with its roles taken back.
    Not(anyhow::Error, anyhow::Result<Box<Server>>),
}

impl Server {
    /// The edge last, when there is something behind it.
    async fn start(config: ServerConfig, predecessor: Option<Predecessor>) -> anyhow::Result<Self> {
        let sockets = predecessor.as_ref().map(Predecessor::sockets).unwrap_or_default();
        let released = match predecessor {
            Some(predecessor) => Some(predecessor.released().await?),
            None => None,
        };
        let data = DataDir::open(&config.data_dir, &config.roles)?;
        let catalog = read_model::open(&data);
        let control = Control::start(&config, data, &catalog, &sockets).await?;
        if let Some(released) = &released {
            released.note_loads(&catalog).await;
        }
        let (mut edge, handover, loops) = (Running::default(), Handover::default(), Loops::default());
        let watch = Watch::begin(loops.clone());
        if config.roles.contains(&Role::Edge) {
            if config.roles.contains(&Role::Api) {
                knows_who_is_private(&catalog).await;
            }
            let (catalog, handover) = (catalog.clone(), handover.clone());
            let parts = edge::Parts { catalog, sockets: &sockets, handover, loops };
            edge::start(&config, control.data(), parts, &mut edge).await?;
        }
        if let Some(released) = released {
            released.serving(catalog.clone()).context("the server before this one has ended")?;
        }
        notify::ready();
        watch.also(tokio::runtime::Handle::current());
        watch.also(control.handle());
        let roles = config.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
        tracing::info!(roles, data_dir = %config.data_dir.display(), "serving");
        Ok(Self { config, catalog, sockets, control, edge, handover, watch })
    }

    /// Waits for the first part that ends although nobody asked.
    async fn first_end(&mut self) -> (&'static str, anyhow::Result<()>) {
        tokio::select! {
            ended = self.control.first_end() => ended,
            ended = self.edge.first_end() => ended,
        }
    }

    async fn stop(self) {
        notify::stopping();
        tokio::join!(self.control.stop(), self.edge.stop());
    }

    /// Lets another server take over.
    async fn hand_over(self, launch: &Launch) -> HandedOver {
        tracing::info!("another server is started to take over");
        let mut successor = match Successor::start(launch, &self.sockets).await {
            Ok(successor) => successor,
            Err(error) => return HandedOver::Not(error, Ok(Box::new(self))),
        };
        let Self { config, catalog, sockets, control, edge, handover, watch } = self;
        let host = HostClient::unix(control.data().host_socket());
        control.stop().await;
        // Requests that wait for a machine here hear of it from the host of the next server.
        let alone = CancellationToken::new();
        let (following, ends) = (catalog.clone(), alone.clone());
        tokio::spawn(async move { following.follow_host(host, ends).await });
        if let Err(error) = successor.release(&catalog).await {
            successor.abandon().await;
            alone.cancel();
            let data = DataDir::open(&config.data_dir, &config.roles);
            let control = match data {
                Ok(data) => Control::start(&config, data, &catalog, &sockets).await,
                Err(error) => Err(error),
            };
            let old = control.map(|control| {
                watch.also(control.handle());
                Self { config, catalog, sockets, control, edge, handover, watch }
            });
            return HandedOver::Not(error, old.map(Box::new));
        }
        notify::main_process(successor.pid());
        sockets.let_go();
        handover.begin(config.edge.handover_limit());
        edge.end();
        let (pid, limit_s) = (successor.pid(), config.edge.handover_limit_secs);
        tracing::info!(pid, limit_s, "another server serves; what is open here goes on");
        HandedOver::To(Box::new(successor), Box::new(Draining { config, catalog, edge }))
    }
}

/// An app on private networks alone must not be served in public for as long as nobody knows its addresses.
async fn knows_who_is_private(catalog: &Catalog) {
    let known = catalog.wait_for(|snapshot| snapshot.knows_all_addresses().then_some(()));
    if timeout(ADDRESSES_PATIENCE, known).await.is_err() {
        tracing::warn!("the directory does not tell which addresses apps have");
    }
}

impl Draining {
    /// Waits for what is open, at most for the limit of handovers, or until this process is told to stop.
    async fn drain(mut self, successor: Successor, signals: &mut Signals) -> anyhow::Result<()> {
        let limit = self.config.edge.handover_limit();
        let drained = async {
            tokio::select! {
                () = self.edge.all_ended(limit) => tracing::info!("nothing is open any more"),
                signal = signals.stop_asked() => tracing::info!(signal, "stopping; what was open is cut"),
            }
        };
        successor.follow_until(&self.catalog, drained).await;
        Ok(())
    }
}
