//! Listening sockets by name: bound here, or taken from the process that this one replaces, and kept ready for the
//! one that replaces it. A socket that is handed on keeps its queue: no connection is refused in between.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::net::{TcpListener, UdpSocket};

use crate::Listener;

/// The sockets of one process; clones are handles.
#[derive(Debug, Clone, Default)]
pub struct Sockets(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// From the process before, and not asked for yet.
    inherited: BTreeMap<String, OwnedFd>,
    /// Second descriptors of those in use.
    open: BTreeMap<String, OwnedFd>,
}

/// The name of a socket, the same in every process that has the same configuration.
fn name(protocol: &str, address: SocketAddr) -> String {
    format!("{protocol} {address}")
}

impl Sockets {
    pub fn inherited(inherited: BTreeMap<String, OwnedFd>) -> Self {
        Self(Arc::new(Mutex::new(Known { inherited, open: BTreeMap::new() })))
    }

    /// A listener at `address`.
    pub async fn tcp(&self, address: SocketAddr) -> io::Result<TcpListener> {
        let name = name("tcp", address);
        if let Some(fd) = self.known(&name)? {
            let socket = std::net::TcpListener::from(fd);
            socket.set_nonblocking(true)?;
            return TcpListener::from_std(socket);
        }
        let socket = Listener::bind(address).await?;
        self.lock().open.insert(name, socket.as_fd().try_clone_to_owned()?);
        Ok(socket)
    }

    /// A socket for datagrams at `address`.
    pub async fn udp(&self, address: SocketAddr) -> io::Result<UdpSocket> {
        let name = name("udp", address);
        if let Some(fd) = self.known(&name)? {
            let socket = std::net::UdpSocket::from(fd);
            socket.set_nonblocking(true)?;
            return UdpSocket::from_std(socket);
        }
        let socket = UdpSocket::bind(address).await?;
        self.lock().open.insert(name, socket.as_fd().try_clone_to_owned()?);
        Ok(socket)
    }

    /// Nobody uses the socket any more; it closes with its last user.
    pub fn close_tcp(&self, address: SocketAddr) {
        self.lock().open.remove(&name("tcp", address));
    }

    pub fn close_udp(&self, address: SocketAddr) {
        self.lock().open.remove(&name("udp", address));
    }

    /// All that are in use, for the process that comes next.
    pub fn for_successor(&self) -> io::Result<BTreeMap<String, OwnedFd>> {
        let known = self.lock();
        known.open.iter().map(|(name, fd)| Ok((name.clone(), fd.try_clone()?))).collect()
    }

    /// The next process has them: they close here with their last user.
    pub fn let_go(&self) {
        *self.lock() = Known::default();
    }

    /// Closes those that the process before had open and this one does not want.
    pub fn drop_unwanted(&self) {
        self.lock().inherited.clear();
    }

    /// One that was inherited, or is in use already.
    fn known(&self, name: &str) -> io::Result<Option<OwnedFd>> {
        let mut known = self.lock();
        if let Some(fd) = known.inherited.remove(name) {
            known.open.insert(name.to_owned(), fd);
        }
        known.open.get(name).map(OwnedFd::try_clone).transpose()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn connections_that_wait_are_handed_on_with_their_socket() {
        let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let first = Sockets::default();
        let listener = first.tcp(address).await.unwrap();
        let bound = listener.local_addr().unwrap();
        let waiting = TcpStream::connect(bound).await.unwrap();
        let second = Sockets::inherited(first.for_successor().unwrap());
        drop(listener);
        first.let_go();
        let (_stream, peer) = second.tcp(address).await.unwrap().accept().await.unwrap();
        assert_eq!(peer, waiting.local_addr().unwrap());
    }

    #[tokio::test]
    async fn one_that_nobody_wants_any_more_is_closed() {
        let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let first = Sockets::default();
        let bound = first.tcp(address).await.unwrap().local_addr().unwrap();
        TcpStream::connect(bound).await.expect("the second descriptor keeps it open");
        let second = Sockets::inherited(first.for_successor().unwrap());
        first.close_tcp(address);
        second.drop_unwanted();
        assert!(TcpStream::connect(bound).await.is_err());
    }
}
