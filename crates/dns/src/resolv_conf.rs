//! The host's own resolvers.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use roost_model::addr;

/// How long a reading is good for: networks change under laptops.
const FRESH: Duration = Duration::from_secs(5);

/// Port of resolvers in `resolv.conf`, which names none.
const PORT: u16 = 53;

/// The resolvers to forward to: fixed ones, or what the file says now.
pub(crate) struct Upstreams {
    fixed: Vec<SocketAddr>,
    file: PathBuf,
    last: Mutex<Option<(Instant, Arc<[SocketAddr]>)>>,
}

impl Upstreams {
    pub fn new(fixed: Vec<SocketAddr>, file: PathBuf) -> Self {
        Self { fixed, file, last: Mutex::new(None) }
    }

    /// In the order of preference; empty when there is none.
    pub fn now(&self) -> Arc<[SocketAddr]> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((read, upstreams)) if read.elapsed() < FRESH => upstreams.clone(),
            _ => {
                let upstreams: Arc<[SocketAddr]> = self.read().into();
                *last = Some((Instant::now(), upstreams.clone()));
                upstreams
            }
        }
    }

    fn read(&self) -> Vec<SocketAddr> {
        if !self.fixed.is_empty() {
            return self.fixed.clone();
        }
        parse(&std::fs::read_to_string(&self.file).unwrap_or_default())
    }
}

/// The `nameserver` lines; this server itself is left out, or queries would go in circles.
fn parse(text: &str) -> Vec<SocketAddr> {
    let servers = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next()? == "nameserver").then(|| words.next()?.parse::<IpAddr>().ok()).flatten()
    });
    servers.filter(|ip| *ip != IpAddr::V6(addr::DNS)).map(|ip| SocketAddr::new(ip, PORT)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nameservers_are_read_and_this_one_is_not_asked() {
        let text = "# comment\nnameserver 192.0.2.1\nnameserver fdaa::3\nsearch x\nnameserver 2001:db8::1\n";
        let expected: Vec<SocketAddr> =
            vec!["192.0.2.1:53".parse().unwrap(), "[2001:db8::1]:53".parse().unwrap()];
        assert_eq!(parse(text), expected);
    }
}
