//! The first words of a Postgres connection: what `roost_wire::postgres` says to them, over a socket.

use std::io::{self, ErrorKind};

use roost_wire::postgres::{Greeting, REQUEST_BYTES, Reply};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use crate::{limits::HANDSHAKE_TIMEOUT, socket::Socket};

/// Reads up to where TLS begins.
pub(crate) async fn begin_tls(stream: &mut Socket) -> io::Result<()> {
    timeout(HANDSHAKE_TIMEOUT, asked_for_tls(stream)).await?
}

async fn asked_for_tls(stream: &mut Socket) -> io::Result<()> {
    let mut greeting = Greeting::default();
    loop {
        let mut request = [0; REQUEST_BYTES];
        stream.read_exact(&mut request).await?;
        match greeting.answer(request) {
            Reply::AskAgain(words) => stream.write_all(words).await?,
            Reply::Tls(words) => return stream.write_all(words).await,
            Reply::Refused(words) => {
                stream.write_all(&words).await?;
                stream.shutdown().await?;
                return Err(io::Error::new(ErrorKind::InvalidData, "a Postgres client did not ask for TLS"));
            }
        }
    }
}
