//! Queries in datagrams.

use std::{io, sync::Arc};

use roost_wire::dns::Transport;
use tokio::{net::UdpSocket, task::JoinSet};
use tracing::debug;

use crate::answer::Answerer;

/// Largest query that is read: real ones have about 60 bytes.
const MAX_QUERY: usize = 4096;

/// Answers until dropped. Queries at once are bounded by the quota: what is past it ends at once.
pub(crate) async fn serve(socket: Arc<UdpSocket>, answerer: Answerer) -> io::Result<()> {
    let mut buffer = [0; MAX_QUERY];
    let mut answers = JoinSet::new();
    loop {
        let (length, source) = tokio::select! {
            received = socket.recv_from(&mut buffer) => match received {
                Ok(received) => received,
                // An answer that could not be delivered is reported to the next read.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error),
            },
            Some(_) = answers.join_next() => continue,
        };
        let (query, socket, answerer) = (buffer[..length].to_vec(), socket.clone(), answerer.clone());
        answers.spawn(async move {
            if let Some(answer) = answerer.answer(&query, source.ip(), Transport::Udp).await
                && let Err(error) = socket.send_to(&answer, source).await
            {
                debug!(%source, %error, "answer not sent");
            }
        });
    }
}
