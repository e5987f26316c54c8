//! As much of rtnetlink as one interface needs (`man 7 rtnetlink`).

use std::{
    net::IpAddr,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
    },
};

use crate::{Context, Error, Result};

const HEADER: usize = 16;

/// A connection to the kernel's routing tables.
#[derive(Debug)]
pub struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

/// Where a route leads.
#[derive(Debug, Clone, Copy)]
pub enum Reach {
    /// Everything, by a neighbour.
    DefaultBy(IpAddr),
    /// One address, on the link itself.
    OnLink(IpAddr),
}

/// A request under construction.
struct Request {
    bytes: Vec<u8>,
    what: String,
}

impl Netlink {
    pub fn open() -> Result<Netlink> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)
            .context(|| "open netlink".into())?;
        Ok(Netlink { socket, sequence: 0 })
    }

    /// Gives an interface that is down its link-layer address and its MTU.
    pub fn configure(&mut self, interface: u32, mac: [u8; 6], mtu: u16) -> Result<()> {
        let what = format!("configure interface {interface}");
        let mut request = Request::new(libc::RTM_NEWLINK, 0, &link(interface, 0), what);
        request.attribute(libc::IFLA_ADDRESS, &mac);
        request.attribute(libc::IFLA_MTU, &u32::from(mtu).to_ne_bytes());
        self.ask(request)
    }

    pub fn set_up(&mut self, interface: u32) -> Result<()> {
        let up = libc::IFF_UP.cast_unsigned();
        self.ask(Request::new(
            libc::RTM_NEWLINK,
            0,
            &link(interface, up),
            format!("set interface {interface} up"),
        ))
    }

    /// Adds an address, usable at once.
    pub fn add_address(&mut self, interface: u32, address: IpAddr, prefix: u8) -> Result<()> {
        let no_duplicate_detection = u8::try_from(libc::IFA_F_NODAD).unwrap_or(0);
        // struct ifaddrmsg: family, prefix length, flags, scope, index.
        let mut body = vec![family(address), prefix, no_duplicate_detection, libc::RT_SCOPE_UNIVERSE];
        body.extend(interface.to_ne_bytes());
        let mut request = Request::new(libc::RTM_NEWADDR, REPLACE, &body, format!("add address {address}"));
        request.attribute(libc::IFA_LOCAL, &octets(address));
        request.attribute(libc::IFA_ADDRESS, &octets(address));
        self.ask(request)
    }

    pub fn add_route(&mut self, interface: u32, reach: Reach) -> Result<()> {
        let (to, prefix, scope) = match reach {
            Reach::DefaultBy(by) => (by, 0, libc::RT_SCOPE_UNIVERSE),
            Reach::OnLink(to) => (to, u8::try_from(octets(to).len() * 8).unwrap_or(0), libc::RT_SCOPE_LINK),
        };
        // struct rtmsg: family, lengths of destination and source, tos, table, protocol, scope, type, flags.
        let mut body = vec![family(to), prefix, 0, 0, libc::RT_TABLE_MAIN, libc::RTPROT_BOOT, scope];
        body.push(libc::RTN_UNICAST);
        body.extend(0u32.to_ne_bytes());
        let mut request =
            Request::new(libc::RTM_NEWROUTE, REPLACE, &body, format!("add the route {reach:?}"));
        match reach {
            Reach::DefaultBy(by) => request.attribute(libc::RTA_GATEWAY, &octets(by)),
            Reach::OnLink(to) => request.attribute(libc::RTA_DST, &octets(to)),
        }
        request.attribute(libc::RTA_OIF, &interface.to_ne_bytes());
        self.ask(request)
    }

    fn ask(&mut self, request: Request) -> Result<()> {
        let Request { mut bytes, what } = request;
        self.sequence += 1;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        bytes[0..4].copy_from_slice(&length.to_ne_bytes());
        bytes[8..12].copy_from_slice(&self.sequence.to_ne_bytes());
        let kernel = NetlinkAddr::new(0, 0);
        sendto(self.socket.as_raw_fd(), &bytes, &kernel, MsgFlags::empty()).context(|| what.clone())?;
        let mut answer = [0; 4096];
        let count = recv(self.socket.as_raw_fd(), &mut answer, MsgFlags::empty()).context(|| what.clone())?;
        acknowledged(&answer[..count]).context(|| what)
    }
}

const REPLACE: i32 = libc::NLM_F_CREATE | libc::NLM_F_REPLACE;

impl Request {
    fn new(kind: u16, flags: i32, body: &[u8], what: String) -> Request {
        let flags = u16::try_from(libc::NLM_F_REQUEST | libc::NLM_F_ACK | flags).unwrap_or(0);
        let mut bytes = vec![0; HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(body);
        Request { bytes, what }
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// `struct ifinfomsg`: family, type, index, flags, mask of flags to change.
fn link(interface: u32, flags: u32) -> Vec<u8> {
    let mut body = vec![0; 4];
    body.extend([interface, flags, flags].iter().flat_map(|field| field.to_ne_bytes()));
    body
}

/// An acknowledgement is an error message with the number 0.
fn acknowledged(answer: &[u8]) -> Result<()> {
    let number = answer.get(HEADER..HEADER + 4).and_then(|bytes| bytes.try_into().ok());
    match number.map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(number) => Err(Error::new(Errno::from_raw(-number).to_string())),
        None => Err(Error::new("the kernel's answer is too short")),
    }
}

fn family(address: IpAddr) -> u8 {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    u8::try_from(family).unwrap_or(0)
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}
