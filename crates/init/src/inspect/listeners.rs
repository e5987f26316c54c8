//! Sockets on which somebody waits for peers: `/proc/net/{tcp,tcp6,udp,udp6}`, and whose they are.

use std::{
    collections::HashMap,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use roost_guest_api::{Listener, channel::MAX_LISTED};

use super::{command_name, pids};

/// States of a socket that waits: TCP_LISTEN, and TCP_CLOSE for a UDP socket without a peer.
const TABLES: [(&str, &str, &str); 4] =
    [("tcp", "tcp", "0A"), ("tcp6", "tcp", "0A"), ("udp", "udp", "07"), ("udp6", "udp", "07")];

#[derive(Debug, PartialEq, Eq)]
struct Socket {
    protocol: &'static str,
    address: IpAddr,
    port: u16,
    inode: u64,
}

pub fn listeners() -> Vec<Listener> {
    let sockets: Vec<Socket> = TABLES
        .iter()
        .flat_map(|(table, protocol, state)| {
            let text = fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default();
            text.lines().skip(1).filter_map(|line| parse(line, protocol, state)).collect::<Vec<_>>()
        })
        .take(MAX_LISTED)
        .collect();
    let owners = if sockets.is_empty() { HashMap::new() } else { owners() };
    sockets
        .into_iter()
        .map(|Socket { protocol, address, port, inode }| {
            let pid = owners.get(&inode).copied().unwrap_or(0);
            let (protocol, address) = (protocol.to_owned(), address.to_string());
            Listener { protocol, address, port, pid, command: command_name(pid) }
        })
        .collect()
}

/// `sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode ...`
fn parse(line: &str, protocol: &'static str, state: &str) -> Option<Socket> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (address, port) = fields.get(1)?.split_once(':')?;
    if fields.get(3) != Some(&state) {
        return None;
    }
    Some(Socket {
        protocol,
        address: parse_address(address)?,
        port: u16::from_str_radix(port, 16).ok()?,
        inode: fields.get(9)?.parse().ok()?,
    })
}

/// Words of 32 bits in the machine's byte order.
fn parse_address(text: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(text.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut octets = [0; 16];
            for (at, chunk) in octets.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(at)?);
            }
            Some(Ipv6Addr::from(octets).into())
        }
        _ => None,
    }
}

/// Which process holds which socket.
fn owners() -> HashMap<u64, i32> {
    let mut owners = HashMap::new();
    for pid in pids() {
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            let target = fs::read_link(entry.path()).unwrap_or_default();
            let target = target.to_string_lossy();
            let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']')?.parse().ok());
            if let Some(inode) = inode {
                owners.entry(inode).or_insert(pid);
            }
        }
    }
    owners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernels_tables_are_understood() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 \
                    12345 1 0000000000000000 100 0 0 10 0";
        let socket = parse(line, "tcp", "0A").unwrap();
        assert_eq!(socket.address.to_string(), "127.0.0.1");
        assert_eq!((socket.port, socket.inode), (8080, 12345));
        assert_eq!(parse(line, "tcp", "07"), None);
        let any = parse_address("00000000000000000000000000000000").unwrap();
        assert_eq!(any.to_string(), "::");
        assert_eq!(parse_address("B80D0120000000000000000001000000").unwrap().to_string(), "2001:db8::1");
        assert_eq!(parse_address("zz"), None);
    }

    #[test]
    fn a_socket_of_this_process_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let found = listeners().into_iter().find(|each| each.port == port && each.protocol == "tcp").unwrap();
        assert_eq!(found.address, "127.0.0.1");
        assert_eq!(found.pid, i32::try_from(std::process::id()).unwrap());
    }
}
