//! Queries for other names go to the host's resolvers, over the transport they came on.
//!
//! The bytes pass unchanged but for the id: each forwarded query has its own random id and source
//! port, and an answer counts only when both and the question match.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use hickory_proto::op::Message;
use roost_wire::dns::{Transport, answers};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};
use tracing::debug;

use crate::resolv_conf::Upstreams;

/// For one resolver; guests themselves try again after 5 s.
const PER_UPSTREAM: Duration = Duration::from_secs(2);

/// Resolvers that are tried: as many as libc does.
const MAX_UPSTREAMS: usize = 3;

pub(crate) struct Forwarder {
    pub upstreams: Upstreams,
}

impl Forwarder {
    /// The first answer that a resolver gives; `None` when none does.
    pub async fn forward(&self, query: &[u8], message: &Message, transport: Transport) -> Option<Vec<u8>> {
        let mut query = query.to_vec();
        for upstream in self.upstreams.now().iter().take(MAX_UPSTREAMS) {
            let id: [u8; 2] = rand::random();
            query.get_mut(..2)?.copy_from_slice(&id);
            match timeout(PER_UPSTREAM, ask(*upstream, &query, message, transport)).await {
                Ok(Ok(mut answer)) => {
                    answer.get_mut(..2)?.copy_from_slice(&message.metadata.id.to_be_bytes());
                    return Some(answer);
                }
                Ok(Err(error)) => debug!(%upstream, %error, "resolver failed"),
                Err(_) => debug!(%upstream, "resolver does not answer"),
            }
        }
        None
    }
}

async fn ask(
    upstream: SocketAddr,
    query: &[u8],
    message: &Message,
    transport: Transport,
) -> io::Result<Vec<u8>> {
    match transport {
        Transport::Udp => ask_udp(upstream, query, message).await,
        Transport::Tcp => ask_tcp(upstream, query, message).await,
    }
}

async fn ask_udp(upstream: SocketAddr, query: &[u8], message: &Message) -> io::Result<Vec<u8>> {
    let any: SocketAddr = match upstream {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(upstream).await?;
    socket.send(query).await?;
    let mut buffer = vec![0; u16::MAX.into()];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if answers(&buffer[..length], query, message) {
            buffer.truncate(length);
            return Ok(buffer);
        }
    }
}

async fn ask_tcp(upstream: SocketAddr, query: &[u8], message: &Message) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(upstream).await?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), query].concat()).await?;
    let mut answer = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut answer).await?;
    let fits = answers(&answer, query, message);
    fits.then_some(answer).ok_or_else(|| io::Error::other("the answer is to another question"))
}
