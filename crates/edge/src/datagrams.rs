//! UDP: each client of a port is a flow, which keeps its machine until it has been silent for a while.
//!
//! ```text
//!  client ─► port's socket ─► flow: queue ─► [wake] ─► its own socket ─► machine
//!  client ◄───────────────────────────────────────────── answers ◄──────────┘
//! ```

use std::{
    collections::HashMap,
    io, mem,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use roost_model::AppName;
use roost_routing::{ClientPlace, Connections, Over, Steering};
use tokio::{
    net::UdpSocket,
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, info};

use crate::{
    admission,
    client::{Client, plain},
    context::Edge,
    failure::Failure,
    limits::{FLOW_IDLE, FLOW_QUEUE, MAX_FLOWS},
    permit::Permit,
    route::Journey,
    seat::PIECE,
};

/// Largest datagram that IP carries.
const LARGEST: usize = 65_535;

/// Carries datagrams between clients of `socket` and machines of `app`, until `closed`.
pub(crate) async fn serve(
    edge: Arc<Edge>,
    socket: Arc<UdpSocket>,
    app: AppName,
    public_port: u16,
    closed: CancellationToken,
) {
    let mut flows: HashMap<SocketAddr, mpsc::Sender<Bytes>> = HashMap::new();
    let tasks = TaskTracker::new();
    let mut buffer = vec![0; LARGEST];
    while let Some(received) = closed.run_until_cancelled(socket.recv_from(&mut buffer)).await {
        let Ok((length, client)) = received.inspect_err(|error| debug!(%error, "a datagram was not read"))
        else {
            continue;
        };
        let datagram = Bytes::copy_from_slice(&buffer[..length]);
        let known = flows.get(&client).filter(|flow| !flow.is_closed());
        if let Some(flow) = known {
            // A full queue drops, as any network does.
            let _ = flow.try_send(datagram);
            continue;
        }
        if flows.len() >= MAX_FLOWS {
            flows.retain(|_, flow| !flow.is_closed());
        }
        if flows.len() >= MAX_FLOWS {
            continue;
        }
        let (queue, datagrams) = mpsc::channel(FLOW_QUEUE);
        let _ = queue.try_send(datagram);
        flows.insert(client, queue);
        let flow = Flow { edge: edge.clone(), socket: socket.clone(), app: app.clone(), public_port, client };
        tasks.spawn(closed.clone().run_until_cancelled_owned(flow.run(datagrams)));
    }
    tasks.close();
    tasks.wait().await;
}

/// One client's datagrams.
struct Flow {
    edge: Arc<Edge>,
    socket: Arc<UdpSocket>,
    app: AppName,
    public_port: u16,
    client: SocketAddr,
}

/// Bytes from the client, and to it, that the app's counters do not know yet.
struct Carried<'a> {
    counts: &'a Connections,
    received: u64,
    sent: u64,
}

impl Carried<'_> {
    fn add(&mut self, received: usize, sent: usize) {
        self.received += received as u64;
        self.sent += sent as u64;
        if self.received.max(self.sent) >= PIECE {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.counts.carried(mem::take(&mut self.received), mem::take(&mut self.sent));
    }
}

impl Drop for Carried<'_> {
    fn drop(&mut self) {
        self.settle();
    }
}

impl Flow {
    async fn run(self, mut datagrams: mpsc::Receiver<Bytes>) {
        let (machine, permit, place) = match self.reach().await {
            Ok(reached) => reached,
            Err(failure) => {
                let (app, peer) = (&self.app, plain(self.client));
                self.edge.not_served(app, None, Duration::ZERO, &failure);
                return info!(%app, %peer, code = failure.code.as_str(), detail = failure.detail, "not served");
            }
        };
        let counts = &permit.counts().clients;
        if let Err(error) = self.carry(&machine, &mut datagrams, counts).await {
            debug!(app = %self.app, %error, "a flow ended early");
        }
        drop((permit, place));
    }

    async fn reach(&self) -> Result<(UdpSocket, Permit, Option<ClientPlace>), Failure> {
        let client =
            Client::new(self.client, self.socket.local_addr().unwrap_or(self.client), self.public_port);
        let place = admission::flow(&self.edge, &self.app, &client)?;
        let mut journey =
            Journey::over(Over::Udp, &self.edge, self.app.clone(), self.public_port, Steering::default());
        let permit = journey.admit().await?;
        let machine = SocketAddr::new(permit.target().ipv4.into(), permit.route().internal_port);
        let socket = connected(machine).await.map_err(|error| {
            Failure::new(crate::Code::Refused, format!("Machine {}: {error}.", permit.target().id))
        })?;
        Ok((socket, permit, place))
    }

    async fn carry(
        &self,
        machine: &UdpSocket,
        datagrams: &mut mpsc::Receiver<Bytes>,
        counts: &Connections,
    ) -> io::Result<()> {
        let mut carried = Carried { counts, received: 0, sent: 0 };
        let mut buffer = vec![0; LARGEST];
        let mut idle_at = Instant::now() + FLOW_IDLE;
        loop {
            tokio::select! {
                () = sleep_until(idle_at) => return Ok(()),
                datagram = datagrams.recv() => {
                    let Some(datagram) = datagram else { return Ok(()) };
                    carried.add(datagram.len(), 0);
                    // Refused: the app does not listen (yet). That is told by silence.
                    let _ = machine.send(&datagram).await;
                }
                answer = machine.recv(&mut buffer) => {
                    let Ok(length) = answer else { continue };
                    carried.add(0, self.socket.send_to(&buffer[..length], self.client).await?);
                }
            }
            idle_at = Instant::now() + FLOW_IDLE;
        }
    }
}

async fn connected(machine: SocketAddr) -> io::Result<UdpSocket> {
    let any = IpAddr::from(Ipv4Addr::UNSPECIFIED);
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(machine).await?;
    Ok(socket)
}
