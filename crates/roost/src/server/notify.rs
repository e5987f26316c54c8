//! Telling systemd how far the server is (sd_notify(3)): one datagram to the socket it names.

use std::{
    env,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
};

/// Every role serves.
pub fn ready() {
    send("READY=1");
}

/// The end has begun.
pub fn stopping() {
    send("STOPPING=1");
}

/// Another process goes on in the place of this one.
pub fn main_process(pid: Option<u32>) {
    if let Some(pid) = pid {
        send(&format!("MAINPID={pid}"));
    }
}

/// Every event loop turns.
pub fn alive() {
    send("WATCHDOG=1");
}

/// Says nothing when systemd did not start us; a failure is only logged, for nothing depends on it.
fn send(state: &str) {
    let Some(path) = env::var_os("NOTIFY_SOCKET") else { return };
    let path = path.as_encoded_bytes();
    let address = match path.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(std::path::Path::new(
            <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(path),
        )),
    };
    let sent = address.and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
    if let Err(error) = sent {
        tracing::warn!(%error, state, "cannot notify systemd");
    }
}
