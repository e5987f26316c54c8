//! The proxies, each told to do the same: one thread, keep-alive to the back end, HTTP/1.1 and HTTP/2, TLS 1.3 with
//! tickets, the headers that apps are told, and no access log.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    ops::Range,
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rand::Rng as _;

use crate::certificate::{Certificate, HOST_NAME};

/// The core that proxies have to themselves; load and back end have the other.
const PROXY_CORE: usize = 0;

/// Proxies take a moment to listen.
const START_LIMIT: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    Roost,
    Nginx,
    Haproxy,
    Caddy,
}

/// A proxy that listens; it ends when dropped.
pub struct Running {
    child: Child,
    pub http: SocketAddr,
    pub https: SocketAddr,
}

impl Peer {
    pub const ALL: [Self; 4] = [Self::Roost, Self::Nginx, Self::Haproxy, Self::Caddy];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Roost => "roost",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Caddy => "caddy",
        }
    }

    /// Starts it in front of `backend`; its files go to `folder`.
    pub fn start(self, folder: &Path, certificate: &Certificate, backend: u16) -> Result<Running> {
        let (http, https) = (free_port()?, free_port()?);
        let ports = Ports { http, https, backend };
        let mut command = match self {
            Self::Roost => roost(folder, ports)?,
            Self::Nginx => nginx(folder, certificate, ports)?,
            Self::Haproxy => haproxy(folder, certificate, ports)?,
            Self::Caddy => caddy(folder, certificate, ports)?,
        };
        let output = fs::File::create(folder.join(format!("{}.log", self.as_str())))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("cannot start {}", self.as_str()))?;
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let running = Running { child, http: address(http), https: address(https) };
        for address in [running.http, running.https] {
            wait_for(address)
                .with_context(|| format!("{}: see its log in {}", self.as_str(), folder.display()))?;
        }
        Ok(running)
    }
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Clone, Copy)]
struct Ports {
    http: u16,
    https: u16,
    backend: u16,
}

/// `program`, pinned: taskset becomes it, so that the child is the proxy itself.
fn pinned(program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &PROXY_CORE.to_string(), program]);
    command
}

fn roost(folder: &Path, ports: Ports) -> Result<Command> {
    let beside = std::env::current_exe()?.with_file_name("edge-alone");
    let mut command = pinned(&beside.to_string_lossy());
    for port in [ports.http, ports.https, ports.backend] {
        command.arg(port.to_string());
    }
    command.arg(folder);
    Ok(command)
}

fn nginx(folder: &Path, certificate: &Certificate, ports: Ports) -> Result<Command> {
    let Ports { http, https, backend } = ports;
    let (chain, key, base) = (certificate.chain.display(), certificate.key.display(), folder.display());
    let config = format!(
        r#"
daemon off; master_process off; worker_processes 1; pid {base}/nginx.pid; error_log stderr warn;
worker_rlimit_nofile 20000;
events {{ worker_connections 12000; }}
http {{
    access_log off; keepalive_timeout 60s; keepalive_requests 100000000; client_max_body_size 0; tcp_nodelay on;
    client_body_temp_path {base}/body; proxy_temp_path {base}/proxy; fastcgi_temp_path {base}/fastcgi;
    uwsgi_temp_path {base}/uwsgi; scgi_temp_path {base}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    map $https $ssl_flag {{ on on; default off; }}
    upstream app {{ server 127.0.0.1:{backend}; keepalive 64; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{http} backlog=4096 default_server; return 404;
    }}
    server {{
        listen 127.0.0.1:{http}; listen 127.0.0.1:{https} ssl http2 backlog=4096;
        server_name {HOST_NAME};
        ssl_certificate {chain}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets on;
        location / {{
            proxy_pass http://app; proxy_http_version 1.1; proxy_request_buffering off; proxy_max_temp_file_size 0;
            proxy_set_header Host $http_host; proxy_set_header Connection $connection_upgrade;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header X-Forwarded-For "$proxy_add_x_forwarded_for, $server_addr";
            proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Port $server_port;
            proxy_set_header X-Forwarded-SSL $ssl_flag; proxy_set_header Fly-Client-IP $remote_addr;
            proxy_set_header Fly-Forwarded-Port $server_port; proxy_set_header Fly-Region local;
            proxy_set_header Fly-Request-Id $request_id; proxy_set_header Via "1.1 nginx";
            add_header Fly-Request-Id $request_id; add_header Via "1.1 nginx";
        }}
    }}
}}
"#
    );
    let path = folder.join("nginx.conf");
    fs::write(&path, config)?;
    let mut command = pinned("nginx");
    command.arg("-p").arg(folder).arg("-e").arg("stderr").arg("-c").arg(path);
    Ok(command)
}

fn haproxy(folder: &Path, certificate: &Certificate, ports: Ports) -> Result<Command> {
    let Ports { http, https, backend } = ports;
    let pair = certificate.pair.display();
    let headers = |scheme: &str, ssl: &str, port: u16| {
        format!(
            "\n    http-request set-header X-Forwarded-For \"%[src], %[dst]\"\n    \
             http-request set-header X-Forwarded-Proto {scheme}\n    http-request set-header X-Forwarded-Port {port}\n    \
             http-request set-header X-Forwarded-SSL {ssl}\n    http-request set-header Fly-Client-IP %[src]\n    \
             http-request set-header Fly-Forwarded-Port {port}\n    http-request set-header Fly-Region local\n    \
             http-request set-header Fly-Request-Id %[unique-id]\n    http-request set-header Via \"1.1 haproxy\"\n    \
             http-response set-header Fly-Request-Id %[unique-id]\n    http-response set-header Via \"1.1 haproxy\"\n    \
             use_backend app if {{ req.hdr(host),field(1,:) -i {HOST_NAME} }}\n"
        )
    };
    let config = format!(
        r#"
global
    nbthread 1
    maxconn 7000
    ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
    mode http
    timeout connect 4s
    timeout client 60s
    timeout server 300s
    timeout http-request 60s
    timeout http-keep-alive 60s
    timeout tunnel 3600s
    http-reuse always
    unique-id-format %[uuid]
frontend plain
    bind 127.0.0.1:{http} backlog 4096{plain}
frontend secure
    bind 127.0.0.1:{https} backlog 4096 ssl crt {pair} alpn h2,http/1.1{encrypted}
backend app
    server app 127.0.0.1:{backend} pool-max-conn 64
"#,
        plain = headers("http", "off", http),
        encrypted = headers("https", "on", https),
    );
    let path = folder.join("haproxy.cfg");
    fs::write(&path, config)?;
    let mut command = pinned("haproxy");
    command.arg("-db").arg("-q").arg("-f").arg(path);
    Ok(command)
}

fn caddy(folder: &Path, certificate: &Certificate, ports: Ports) -> Result<Command> {
    let Ports { http, https, backend } = ports;
    let (chain, key) = (certificate.chain.display(), certificate.key.display());
    let proxy = |port: u16, scheme: &str, ssl: &str| {
        format!(
            r#"
    header Fly-Request-Id {{http.request.uuid}}
    header Via "1.1 caddy"
    reverse_proxy 127.0.0.1:{backend} {{
        header_up X-Forwarded-Port {port}
        header_up X-Forwarded-Proto {scheme}
        header_up X-Forwarded-SSL {ssl}
        header_up Fly-Client-IP {{http.request.remote.host}}
        header_up Fly-Forwarded-Port {port}
        header_up Fly-Region local
        header_up Fly-Request-Id {{http.request.uuid}}
        header_up Via "1.1 caddy"
        transport http {{
            keepalive_idle_conns_per_host 64
        }}
    }}"#
        )
    };
    let config = format!(
        "{{\n    admin off\n    auto_https off\n    log {{\n        level ERROR\n    }}\n}}\n\
         http://{HOST_NAME}:{http} {{\n    bind 127.0.0.1{}\n}}\n\
         https://{HOST_NAME}:{https} {{\n    bind 127.0.0.1\n    tls {chain} {key}{}\n}}\n",
        proxy(http, "http", "off"),
        proxy(https, "https", "on"),
    );
    let path = folder.join("Caddyfile");
    fs::write(&path, config)?;
    let mut command = pinned("caddy");
    command
        .env("GOMAXPROCS", "1")
        .env("HOME", folder)
        .args(["run", "--adapter", "caddyfile", "--config"])
        .arg(path);
    Ok(command)
}

/// Below those that the kernel gives to clients, of which a load leaves thousands behind.
const PORTS: Range<u16> = 10_000..32_000;

fn free_port() -> Result<u16> {
    let tried = (0..100).map(|_| rand::rng().random_range(PORTS));
    let mut free = tried.filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    free.next().context("no port is free")
}

/// Returns when somebody listens at the address.
pub fn wait_for(address: SocketAddr) -> Result<()> {
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        if begun.elapsed() > START_LIMIT {
            bail!("nobody listens on {address}");
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}
