//! Ports that are one app's alone, and what listens behind them.

use std::{
    net::{Ipv4Addr, SocketAddr},
    ops::Range,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

/// Below those that the kernel gives out, to tests that ask for any.
const OURS: Range<u16> = 22_000..32_000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A port on which nobody listens, and which no other test gets.
pub fn free_port() -> u16 {
    // Another process begins elsewhere.
    let first = std::process::id().wrapping_mul(401);
    loop {
        let next = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = OURS.start + (next % OURS.len() as u32) as u16;
        if std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return port;
        }
    }
}

pub fn free_address() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()))
}

/// As soon as the edge has opened the port.
pub async fn opened(public: u16) -> TcpStream {
    let opened = async {
        loop {
            match TcpStream::connect((Ipv4Addr::LOCALHOST, public)).await {
                Ok(stream) => return stream,
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    };
    timeout(Duration::from_secs(60), opened).await.expect("the port opens")
}

/// Repeats what it reads, until the end.
pub async fn echo(address: SocketAddr) {
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
}
