//! The PROXY protocol, versions 1 and 2: whose connection follows.
//!
//! Source: "The PROXY protocol", HAProxy's document of 2020.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use roost_model::port::ProxyProtocol;
use thiserror::Error;

use crate::front::Front;

/// Begins a header of version 2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family, length of the rest.
const FIXED: usize = 16;

/// Longest line of version 1, with its end.
const LONGEST_LINE: usize = 107;

/// Longest rest of a version 2 header that is read: addresses, and what proxies add to them.
const LONGEST_REST: usize = 2048;

/// Most bytes of a header.
pub const LONGEST: usize = FIXED + LONGEST_REST;

/// Both ends of a connection, as a proxy saw them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    pub client: SocketAddr,
    /// The address that the client reached.
    pub reached: SocketAddr,
}

/// Why bytes are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Invalid {
    #[error("a trusted proxy sent no PROXY header")]
    Missing,
    #[error("a PROXY line does not end")]
    EndlessLine,
    #[error("a PROXY line is malformed")]
    Line,
    #[error("a PROXY header has an unknown version or command")]
    Version,
    #[error("a PROXY header is too long")]
    TooLong,
    #[error("a PROXY header is too short")]
    TooShort,
}

/// Reads the header at the front of `bytes`. Its value is `None` where the proxy speaks for itself, such as in its
/// health checks, or does not say for whom.
pub fn read(bytes: &[u8]) -> Result<Front<Option<Ends>>, Invalid> {
    const WORD: &[u8] = b"PROXY ";
    let of_line = bytes.iter().zip(WORD).all(|(a, b)| a == b);
    let of_binary = bytes.iter().zip(&SIGNATURE).all(|(a, b)| a == b);
    match (of_line, of_binary) {
        (false, false) => Err(Invalid::Missing),
        _ if bytes.len() < SIGNATURE.len() => Ok(Front::Needs(SIGNATURE.len() - bytes.len())),
        (true, _) => line(bytes),
        (false, true) => binary(bytes),
    }
}

/// Only the end of the line tells where the client's own bytes begin.
fn line(bytes: &[u8]) -> Result<Front<Option<Ends>>, Invalid> {
    let searched = &bytes[..bytes.len().min(LONGEST_LINE)];
    let Some(end) = searched.windows(2).position(|pair| pair == b"\r\n") else {
        return match LONGEST_LINE - searched.len() {
            0 => Err(Invalid::EndlessLine),
            1 => Ok(Front::Needs(1)),
            _ => Ok(Front::Needs(if searched.ends_with(b"\r") { 1 } else { 2 })),
        };
    };
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| Invalid::Line)?;
    Ok(Front::Whole(ends_of_line(text)?, end + 2))
}

fn ends_of_line(line: &str) -> Result<Option<Ends>, Invalid> {
    let mut words = line.split(' ').skip(1);
    let family = words.next().ok_or(Invalid::Line)?;
    if family == "UNKNOWN" {
        return Ok(None);
    }
    let words: Vec<&str> = words.collect();
    let [source, destination, source_port, destination_port] = words[..] else { return Err(Invalid::Line) };
    let end = |ip: &str, port: &str| {
        let ip = match family {
            "TCP4" => ip.parse::<Ipv4Addr>().map(IpAddr::from),
            "TCP6" => ip.parse::<Ipv6Addr>().map(IpAddr::from),
            _ => return Err(Invalid::Line),
        };
        Ok(SocketAddr::new(ip.map_err(|_| Invalid::Line)?, self::port(port)?))
    };
    Ok(Some(Ends { client: end(source, source_port)?, reached: end(destination, destination_port)? }))
}

/// Digits alone: a number of Rust's may have a sign.
fn port(text: &str) -> Result<u16, Invalid> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or(Invalid::Line)
}

fn binary(bytes: &[u8]) -> Result<Front<Option<Ends>>, Invalid> {
    let Some(fixed) = bytes.first_chunk::<FIXED>() else { return Ok(Front::Needs(FIXED - bytes.len())) };
    let [.., version_and_command, family, high, low] = *fixed;
    let whole = FIXED + usize::from(u16::from_be_bytes([high, low]));
    if whole > LONGEST {
        return Err(Invalid::TooLong);
    }
    if !matches!(version_and_command, 0x20 | 0x21) {
        return Err(Invalid::Version);
    }
    let Some(rest) = bytes.get(FIXED..whole) else { return Ok(Front::Needs(whole - bytes.len())) };
    let ends = if version_and_command == 0x21 { addresses(family, rest)? } else { None };
    Ok(Front::Whole(ends, whole))
}

fn addresses(family: u8, rest: &[u8]) -> Result<Option<Ends>, Invalid> {
    match family {
        0x11 | 0x12 => {
            let rest: &[u8; 12] = rest.first_chunk().ok_or(Invalid::TooShort)?;
            let [a, b, c, d, e, f, g, h, ports @ ..] = *rest;
            Ok(Some(both(Ipv4Addr::new(a, b, c, d).into(), Ipv4Addr::new(e, f, g, h).into(), ports)))
        }
        0x21 | 0x22 => {
            let (client, rest) = rest.split_first_chunk::<16>().ok_or(Invalid::TooShort)?;
            let (reached, rest) = rest.split_first_chunk::<16>().ok_or(Invalid::TooShort)?;
            let ports = *rest.first_chunk().ok_or(Invalid::TooShort)?;
            Ok(Some(both(Ipv6Addr::from(*client).into(), Ipv6Addr::from(*reached).into(), ports)))
        }
        // Unspecified, or a unix socket: the proxy does not say.
        _ => Ok(None),
    }
}

fn both(client: IpAddr, reached: IpAddr, [a, b, c, d]: [u8; 4]) -> Ends {
    Ends {
        client: SocketAddr::new(client, u16::from_be_bytes([a, b])),
        reached: SocketAddr::new(reached, u16::from_be_bytes([c, d])),
    }
}

/// The header that says whose connection follows.
pub fn write(ends: &Ends, version: ProxyProtocol) -> Vec<u8> {
    match version {
        ProxyProtocol::V1 => write_line(ends).into_bytes(),
        ProxyProtocol::V2 => write_binary(ends),
    }
}

fn write_line(Ends { client, reached }: &Ends) -> String {
    let family = match (client.ip(), reached.ip()) {
        (IpAddr::V4(_), IpAddr::V4(_)) => "TCP4",
        (IpAddr::V6(_), IpAddr::V6(_)) => "TCP6",
        _ => return "PROXY UNKNOWN\r\n".to_owned(),
    };
    format!("PROXY {family} {} {} {} {}\r\n", client.ip(), reached.ip(), client.port(), reached.port())
}

fn write_binary(Ends { client, reached }: &Ends) -> Vec<u8> {
    let (family, addresses) = match (client.ip(), reached.ip()) {
        (IpAddr::V4(client), IpAddr::V4(reached)) => {
            (0x11, [&client.octets()[..], &reached.octets()].concat())
        }
        (IpAddr::V6(client), IpAddr::V6(reached)) => {
            (0x21, [&client.octets()[..], &reached.octets()].concat())
        }
        _ => return [&SIGNATURE[..], &[0x21, 0, 0, 0]].concat(),
    };
    let ports = [client.port().to_be_bytes(), reached.port().to_be_bytes()].concat();
    let length = u16::try_from(addresses.len() + ports.len()).unwrap_or_default();
    [&SIGNATURE[..], &[0x21, family], &length.to_be_bytes(), &addresses, &ports].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(client: &str, reached: &str) -> Ends {
        Ends { client: client.parse().unwrap(), reached: reached.parse().unwrap() }
    }

    #[test]
    fn version_1_is_read_to_the_end_of_its_line() {
        let line = b"PROXY TCP4 192.0.2.1 203.0.113.9 50000 443\r\nGET /";
        let expected = Some(ends("192.0.2.1:50000", "203.0.113.9:443"));
        assert_eq!(read(line), Ok(Front::Whole(expected, line.len() - 5)));
        let expected = Some(ends("[2001:db8::1]:1", "[2001:db8::2]:2"));
        assert_eq!(read(b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n"), Ok(Front::Whole(expected, 40)));
        assert_eq!(read(b"PROXY UNKNOWN\r\n"), Ok(Front::Whole(None, 15)));
    }

    #[test]
    fn version_2_is_read_with_what_follows_the_addresses() {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([0x21, 0x11, 0, 15]);
        bytes.extend([192, 0, 2, 1, 203, 0, 113, 9, 0xc3, 0x50, 0x01, 0xbb]);
        bytes.extend([4, 0, 0]);
        let length = bytes.len();
        bytes.extend(b"GET /");
        let expected = Some(ends("192.0.2.1:50000", "203.0.113.9:443"));
        assert_eq!(read(&bytes), Ok(Front::Whole(expected, length)));
        let local = [&SIGNATURE[..], &[0x20, 0, 0, 0]].concat();
        assert_eq!(read(&local), Ok(Front::Whole(None, 16)));
    }

    #[test]
    fn what_is_written_is_what_is_read_however_little_is_there_at_once() {
        for ends in
            [ends("192.0.2.1:50000", "203.0.113.9:443"), ends("[2001:db8::1]:50000", "[2001:db8::2]:443")]
        {
            for version in [ProxyProtocol::V1, ProxyProtocol::V2] {
                let header = write(&ends, version);
                let mut here = 0;
                while let Front::Needs(more) = read(&header[..here]).unwrap() {
                    here += more;
                }
                assert_eq!(here, header.len(), "nothing beyond it is asked for");
                assert_eq!(read(&header), Ok(Front::Whole(Some(ends), header.len())), "{version:?}");
            }
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let long = format!("PROXY TCP4 {}\r\n", "1".repeat(200));
        let cut = [&SIGNATURE[..], &[0x21, 0x11, 0, 4, 1, 2, 3, 4]].concat();
        for (bytes, expected) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], Invalid::Missing),
            (b"PROXY TCP4 192.0.2.1 203.0.113.9 50000\r\n", Invalid::Line),
            (b"PROXY TCP4 2001:db8::1 203.0.113.9 50000 443\r\n", Invalid::Line),
            (b"PROXY TCP4 192.0.2.1 203.0.113.9 99999 443\r\n", Invalid::Line),
            (b"PROXY TCP4 192.0.2.1 203.0.113.9 +1 443\r\n", Invalid::Line),
            (long.as_bytes(), Invalid::EndlessLine),
            (&cut, Invalid::TooShort),
        ] {
            assert_eq!(read(bytes), Err(expected), "{:?}", String::from_utf8_lossy(bytes));
        }
    }
}
