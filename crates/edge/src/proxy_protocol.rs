//! The PROXY protocol: from a trusted proxy in front, and to machines that ask for it.
//!
//! A header that is missing or wrong ends the connection: without it, the client's address would be the proxy's.

use std::io::{self, ErrorKind};

use roost_model::port::ProxyProtocol;
use roost_wire::{
    front::Front,
    proxy_protocol::{self, Ends},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};

use crate::{
    client::{Client, plain},
    limits::PROXY_HEADER_TIMEOUT,
};

/// Reads the header that must come first, and nothing beyond it.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin), client: &mut Client) -> io::Result<()> {
    let ends = timeout(PROXY_HEADER_TIMEOUT, header(stream)).await??;
    if let Some(Ends { client: peer, reached }) = ends {
        (client.peer, client.local) = (plain(peer), plain(reached));
    }
    Ok(())
}

async fn header(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Ends>> {
    let mut bytes = Vec::new();
    loop {
        let front =
            proxy_protocol::read(&bytes).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        match front {
            Front::Whole(ends, _) => return Ok(ends),
            Front::Needs(more) => {
                let here = bytes.len();
                bytes.resize(here + more, 0);
                stream.read_exact(&mut bytes[here..]).await?;
            }
        }
    }
}

/// The header that tells a machine whose connection follows.
pub(crate) fn header_for(client: &Client, version: ProxyProtocol) -> Vec<u8> {
    proxy_protocol::write(&Ends { client: client.peer, reached: client.local }, version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_follows_the_header_is_left_to_whom_it_is_for() {
        let client = Client::new("192.0.2.1:50000".parse().unwrap(), "203.0.113.9:443".parse().unwrap(), 443);
        for version in [ProxyProtocol::V1, ProxyProtocol::V2] {
            let bytes = [&header_for(&client, version)[..], b"GET /"].concat();
            let mut left = &bytes[..];
            let mut seen = Client::new("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap(), 443);
            read(&mut left, &mut seen).await.unwrap();
            assert_eq!(
                (seen.peer, seen.local, left),
                (client.peer, client.local, &b"GET /"[..]),
                "{version:?}"
            );
        }
        let refused = header(&mut &b"GET / HTTP/1.1\r\n\r\n"[..]).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidData);
    }
}
