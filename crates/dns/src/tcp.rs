//! Queries over connections: each message behind its length (RFC 1035, section 4.2.2).

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use roost_wire::dns::Transport;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::{debug, warn};

use crate::answer::Answerer;

/// Connections at once; TCP is for the rare long answer.
const MAX_CONNECTIONS: usize = 256;

/// For the next query, and for writing one answer.
const IDLE: Duration = Duration::from_secs(10);

/// Pause after an accept that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Answers until dropped.
pub(crate) async fn serve(listener: TcpListener, answerer: Answerer) -> io::Result<()> {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else { return Ok(()) };
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, source)) => {
                let answerer = answerer.clone();
                connections.spawn(async move {
                    if let Err(error) = connection(stream, source.ip(), answerer).await {
                        debug!(%source, %error, "connection ended early");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(mut stream: TcpStream, source: IpAddr, answerer: Answerer) -> io::Result<()> {
    loop {
        let length = match timeout(IDLE, stream.read_u16()).await? {
            Err(end) if end.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            length => length?,
        };
        let mut query = vec![0; length.into()];
        timeout(IDLE, stream.read_exact(&mut query)).await??;
        let Some(answer) = answerer.answer(&query, source, Transport::Tcp).await else { return Ok(()) };
        let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
        timeout(IDLE, stream.write_all(&[&length.to_be_bytes(), &answer[..]].concat())).await??;
    }
}
