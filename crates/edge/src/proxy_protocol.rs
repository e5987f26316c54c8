//! The PROXY protocol, versions 1 and 2: from a trusted proxy in front, and to machines that ask for it.
//!
//! Source: "The PROXY protocol", HAProxy's document of 2020. A header that is missing or wrong ends the
//! connection: without it, the client's address would be the proxy's.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use roost_model::port::ProxyProtocol;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};

use crate::{
    client::{Client, plain},
    limits::PROXY_HEADER_TIMEOUT,
};

/// Begins a header of version 2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Longest line of version 1, with its end.
const LONGEST_LINE: usize = 107;

/// Longest rest of a version 2 header that is read: addresses, and what proxies add to them.
const LONGEST_REST: usize = 2048;

/// Both ends of a connection, as a proxy saw them.
type Ends = (SocketAddr, SocketAddr);

/// Reads the header that must come first, and nothing beyond it.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin), client: &mut Client) -> io::Result<()> {
    let ends = timeout(PROXY_HEADER_TIMEOUT, header(stream)).await??;
    if let Some((peer, local)) = ends {
        (client.peer, client.local) = (plain(peer), plain(local));
    }
    Ok(())
}

/// `None`: the proxy speaks for itself, such as in its health checks.
async fn header(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Ends>> {
    let mut start = [0; SIGNATURE.len()];
    stream.read_exact(&mut start).await?;
    match start {
        SIGNATURE => version_2(stream).await,
        start if start.starts_with(b"PROXY ") => version_1(stream, &start).await,
        _ => Err(invalid("a trusted proxy sent no PROXY header")),
    }
}

/// Byte by byte: only the end of the line tells where the client's own bytes begin.
async fn version_1(stream: &mut (impl AsyncRead + Unpin), start: &[u8]) -> io::Result<Option<Ends>> {
    let mut line = start.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() == LONGEST_LINE {
            return Err(invalid("a PROXY line does not end"));
        }
        line.push(stream.read_u8().await?);
    }
    parse_line(&line[..line.len() - 2])
}

fn parse_line(line: &[u8]) -> io::Result<Option<Ends>> {
    let wrong = || invalid("a PROXY line is malformed");
    let line = std::str::from_utf8(line).map_err(|_| wrong())?;
    let mut words = line.split(' ').skip(1);
    let family = words.next().ok_or_else(wrong)?;
    if family == "UNKNOWN" {
        return Ok(None);
    }
    let words: Vec<&str> = words.collect();
    let [source, destination, source_port, destination_port] = words[..] else { return Err(wrong()) };
    let end = |ip: &str, port: &str| {
        let ip = match family {
            "TCP4" => ip.parse::<Ipv4Addr>().map(Into::into).map_err(|_| wrong()),
            "TCP6" => ip.parse::<Ipv6Addr>().map(Into::into).map_err(|_| wrong()),
            _ => Err(wrong()),
        };
        Ok::<_, io::Error>(SocketAddr::new(ip?, port.parse().map_err(|_| wrong())?))
    };
    Ok(Some((end(source, source_port)?, end(destination, destination_port)?)))
}

async fn version_2(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Ends>> {
    let version_and_command = stream.read_u8().await?;
    let family = stream.read_u8().await?;
    let length = usize::from(stream.read_u16().await?);
    if length > LONGEST_REST {
        return Err(invalid("a PROXY header is too long"));
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    match version_and_command {
        0x20 => Ok(None),
        0x21 => parse_addresses(family, &rest),
        _ => Err(invalid("a PROXY header has an unknown version or command")),
    }
}

fn parse_addresses(family: u8, rest: &[u8]) -> io::Result<Option<Ends>> {
    let short = || invalid("a PROXY header is too short");
    let port = |bytes: &[u8]| u16::from_be_bytes([bytes[0], bytes[1]]);
    match family {
        0x11 | 0x12 => {
            let rest: &[u8; 12] = rest.first_chunk().ok_or_else(short)?;
            let ip = |at: usize| Ipv4Addr::new(rest[at], rest[at + 1], rest[at + 2], rest[at + 3]);
            let end = |at, port_at: usize| SocketAddr::new(ip(at).into(), port(&rest[port_at..]));
            Ok(Some((end(0, 8), end(4, 10))))
        }
        0x21 | 0x22 => {
            let rest: &[u8; 36] = rest.first_chunk().ok_or_else(short)?;
            let ip = |at: usize| {
                let mut bytes = [0; 16];
                bytes.copy_from_slice(&rest[at..at + 16]);
                Ipv6Addr::from(bytes)
            };
            let end = |at, port_at: usize| SocketAddr::new(ip(at).into(), port(&rest[port_at..]));
            Ok(Some((end(0, 32), end(16, 34))))
        }
        // Unspecified, or a unix socket: the proxy does not say.
        _ => Ok(None),
    }
}

/// The header that tells a machine whose connection follows.
pub(crate) fn header_for(client: &Client, version: ProxyProtocol) -> Vec<u8> {
    match version {
        ProxyProtocol::V1 => line_for(client).into_bytes(),
        ProxyProtocol::V2 => binary_for(client),
    }
}

fn line_for(client: &Client) -> String {
    let Client { peer, local, .. } = client;
    let family = match (peer.ip(), local.ip()) {
        (IpAddr::V4(_), IpAddr::V4(_)) => "TCP4",
        (IpAddr::V6(_), IpAddr::V6(_)) => "TCP6",
        _ => return "PROXY UNKNOWN\r\n".to_owned(),
    };
    format!("PROXY {family} {} {} {} {}\r\n", peer.ip(), local.ip(), peer.port(), local.port())
}

fn binary_for(client: &Client) -> Vec<u8> {
    let Client { peer, local, .. } = client;
    let (family, addresses) = match (peer.ip(), local.ip()) {
        (IpAddr::V4(peer), IpAddr::V4(local)) => (0x11, [&peer.octets()[..], &local.octets()].concat()),
        (IpAddr::V6(peer), IpAddr::V6(local)) => (0x21, [&peer.octets()[..], &local.octets()].concat()),
        _ => return [&SIGNATURE[..], &[0x21, 0, 0, 0]].concat(),
    };
    let ports = [peer.port().to_be_bytes(), local.port().to_be_bytes()].concat();
    let length = u16::try_from(addresses.len() + ports.len()).unwrap_or_default();
    [&SIGNATURE[..], &[0x21, family], &length.to_be_bytes(), &addresses, &ports].concat()
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_ends(mut bytes: &[u8]) -> (io::Result<Option<Ends>>, usize) {
        let result = header(&mut bytes).await;
        (result, bytes.len())
    }

    #[tokio::test]
    async fn version_1_is_read_to_the_end_of_its_line() {
        let (ends, left) = read_ends(b"PROXY TCP4 192.0.2.1 203.0.113.9 50000 443\r\nGET /").await;
        let ends = ends.unwrap().unwrap();
        assert_eq!(ends, ("192.0.2.1:50000".parse().unwrap(), "203.0.113.9:443".parse().unwrap()));
        assert_eq!(left, 5);
        let (ends, _) = read_ends(b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n").await;
        assert_eq!(ends.unwrap().unwrap().0, "[2001:db8::1]:1".parse().unwrap());
        assert_eq!(read_ends(b"PROXY UNKNOWN\r\n").await.0.unwrap(), None);
    }

    #[tokio::test]
    async fn version_2_is_read_with_what_follows_the_addresses() {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([0x21, 0x11, 0, 15]);
        bytes.extend([192, 0, 2, 1, 203, 0, 113, 9, 0xc3, 0x50, 0x01, 0xbb]);
        bytes.extend([4, 0, 0]);
        bytes.extend(b"GET /");
        let (ends, left) = read_ends(&bytes).await;
        let ends = ends.unwrap().unwrap();
        assert_eq!(ends, ("192.0.2.1:50000".parse().unwrap(), "203.0.113.9:443".parse().unwrap()));
        assert_eq!(left, 5);
        let local = [&SIGNATURE[..], &[0x20, 0, 0, 0]].concat();
        assert_eq!(read_ends(&local).await.0.unwrap(), None);
    }

    #[tokio::test]
    async fn what_is_sent_is_what_is_read() {
        for (peer, local) in
            [("192.0.2.1:50000", "203.0.113.9:443"), ("[2001:db8::1]:50000", "[2001:db8::2]:443")]
        {
            let client = Client::new(peer.parse().unwrap(), local.parse().unwrap(), 443);
            for version in [ProxyProtocol::V1, ProxyProtocol::V2] {
                let (ends, left) = read_ends(&header_for(&client, version)).await;
                assert_eq!((ends.unwrap(), left), (Some((client.peer, client.local)), 0), "{version:?}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused() {
        let long = format!("PROXY TCP4 {}\r\n", "1".repeat(200));
        let cut = [&SIGNATURE[..], &[0x21, 0x11, 0, 4, 1, 2, 3, 4]].concat();
        for bytes in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            b"PROXY TCP4 192.0.2.1 203.0.113.9 50000\r\n",
            b"PROXY TCP4 2001:db8::1 203.0.113.9 50000 443\r\n",
            b"PROXY TCP4 192.0.2.1 203.0.113.9 99999 443\r\n",
            long.as_bytes(),
            &cut,
        ] {
            assert!(read_ends(bytes).await.0.is_err(), "{:?}", String::from_utf8_lossy(bytes));
        }
    }
}
