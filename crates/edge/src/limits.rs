//! The edge's bounds that are not settings, each with its reason. Published in docs/errors.md.

use std::{num::NonZeroU32, time::Duration};

/// For a TLS handshake: two round trips, with a client far away on a bad network.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// For the first byte on a port that both HTTP and TLS share: a client that has nothing to say leaves.
pub const FIRST_BYTE_TIMEOUT: Duration = HANDSHAKE_TIMEOUT;

/// For the header that a trusted proxy sends first, which is in its first packet.
pub const PROXY_HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// Ports that are open for apps' services beside those of HTTP, each a socket or more.
pub const MAX_OPENINGS: usize = 4096;

/// Clients of one UDP port that are remembered, how long they may be silent, and how many datagrams of one wait
/// while its machine is woken.
pub const MAX_FLOWS: usize = 4096;
pub const FLOW_IDLE: Duration = Duration::from_secs(60);
pub const FLOW_QUEUE: usize = 64;

/// For the whole head of a request, and for the idle time between two on one connection: longer than
/// browsers' own keep-alive pings, short enough that slow clients cannot collect connections.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// How often a connection of HTTP/1.1 looks at itself; one that was quiet from one look to the next is parked. Many
/// requests of a busy connection come in between, and the memory of those that are not is soon free.
pub const TICK: Duration = Duration::from_secs(1);

/// How often parked connections are looked through for those whose time is over.
pub const SWEEP: Duration = Duration::from_millis(500);

/// How long the edge waits for a client that has begun to send a body, or is sent an answer, and moves nothing: what other
/// proxies give, and longer than networks of phones are away for. Its machine's place is taken so long.
pub const CLIENT_PATIENCE: Duration = Duration::from_secs(60);

/// Bytes a second that a client moves at least, in the long run: a tenth of what the slowest modems did. To hold a place
/// for nothing costs as much.
pub const SLOWEST_CLIENT: NonZeroU32 = NonZeroU32::new(256).unwrap();

/// How long nothing may move in a WebSocket, or another tunnel, of which the app says nothing: people leave pages open,
/// and pools keep connections, but those that matter speak now and then. Ends that are gone are noticed sooner.
pub const TUNNEL_IDLE: Duration = Duration::from_secs(3600);

/// For an answer to cross a bad network before what its client still sends closes the connection; the client's place
/// in the edge is taken so long.
pub const LINGER: Duration = Duration::from_secs(2);

/// Most bytes that are buffered of a head or a piece of a body, each way.
pub const MAX_BUFFER: usize = 64 * 1024;

/// Most bytes of one piece of an answer while its client takes each at once, and how soon that is: what is held of an
/// answer is then no more than the client takes in so long a time.
pub const LARGEST_PIECE: usize = 256 * 1024;
pub const TAKEN_AT_ONCE: Duration = Duration::from_millis(20);

/// Requests at once on one HTTP/2 connection: what RFC 9113 (section 6.5.2) gives as the least.
pub const H2_STREAMS: u32 = 100;

/// Bytes of one upload, and of all uploads of an HTTP/2 connection, that are taken before apps have read them:
/// enough for a fast upload from far away, and all that a connection can make the edge hold.
pub const H2_STREAM_WINDOW: u32 = 256 * 1024;
pub const H2_CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Most bytes of a head over HTTP/2, by its own count of them.
pub const H2_HEAD: u32 = 64 * 1024;

/// Streams that the client has reset before the edge saw their requests, those that the edge has reset and still knows,
/// for frames that were under way, and those that break the protocol, of an HTTP/2 connection: past the first and the last
/// the client is sent away.
pub const H2_EARLY_RESETS: usize = 20;
pub const H2_REMEMBERED_RESETS: usize = 50;
pub const H2_FAULTY_STREAMS: usize = 1024;

/// Requests of one HTTP/2 connection that its client may give up before it has an answer, beyond those that it lets
/// be answered: all that there can be at once, ten times.
pub const H2_GIVEN_UP: u32 = 10 * H2_STREAMS;

/// How long an HTTP/2 connection is kept without a request: as long as clients keep one for the next.
pub const H2_IDLE: Duration = Duration::from_secs(300);

/// How long the client of an HTTP/2 connection may take to answer a ping.
pub const H2_PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes of an answer that are given to a stream before it shows how far its client has come: one frame.
pub const BLIND_PIECE: usize = 16 * 1024;

/// Requests at once on one HTTP/2 connection to an app, bytes of one answer that are taken before the client has
/// read them, and of all: what all streams may have, so that a client that does not read holds up nobody else. The
/// app is one hop away, where little is under way at any time.
pub const APP_H2_STREAMS: usize = 100;
pub const APP_H2_STREAM_WINDOW: u32 = 64 * 1024;
pub const APP_H2_CONNECTION_WINDOW: u32 = APP_H2_STREAMS as u32 * APP_H2_STREAM_WINDOW;

/// HTTP/2 connections to one port of a machine; past them requests wait for streams: 6,400 at once are more than
/// a machine serves.
pub const CONNECTIONS_PER_PORT: usize = 64;

/// Streams beside those of requests that an HTTP/3 client may open: control, and two of QPACK; one more for what
/// clients open to keep servers used to unknown ones.
pub const H3_CONTROL_STREAMS: u32 = 8;

/// With fewer places left than this, an HTTP/3 client first shows that its address is its own: it costs a round trip,
/// and keeps those out who only pretend to be many.
pub const H3_RETRY_BELOW: usize = 1024;

/// Bytes of early hints, and what else comes before answers, that the client of one request is told, 32 more counted
/// for each of them and each of their fields: some hundred links. No window holds them up.
pub const MAX_HINTS: usize = 16 * 1024;

/// How long an app may take to begin its answer; long polling waits minutes.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(300);

/// First and longest time for one attempt to connect to a machine. A guest that has just begun to
/// answer may lose the first packet, and TCP itself would try again only after a second.
pub const FIRST_DIAL: Duration = Duration::from_millis(250);
pub const LONGEST_DIAL: Duration = Duration::from_secs(4);

/// First and longest pause before trying machines that refused again: the app may be about to listen.
pub const FIRST_BACKOFF: Duration = Duration::from_millis(2);
pub const LONGEST_BACKOFF: Duration = Duration::from_millis(50);

/// How long refusals are forgiven at all, and how long after its start a machine's are: slow runtimes
/// need many seconds until they listen.
pub const REFUSAL_PATIENCE: Duration = Duration::from_secs(2);
pub const STARTUP_PATIENCE: Duration = Duration::from_secs(30);

/// Times that a request is sent again after a kept connection turned out to be closed.
pub const MAX_RESENDS: u32 = 3;

/// Idle connections that each thread keeps to one machine: as many as a busy small app has requests at once.
pub const IDLE_PER_MACHINE: usize = 64;

/// How long an idle connection is kept: shorter than the 5 s after which common runtimes close it.
pub const IDLE_CONNECTION: Duration = Duration::from_secs(4);

/// No runtime closes a connection that was used so short a time ago, unless it ends itself; the shortest that is common is 2 s.
pub const SURELY_OPEN: Duration = Duration::from_secs(1);

/// Longest body of a request that an app can have replayed, and the bytes of all bodies that are kept for that.
/// A piece counts 64 bytes more than it has.
pub const MAX_REPLAYED_BODY: usize = 1024 * 1024;
pub const MAX_KEPT_BODIES: usize = 64 * 1024 * 1024;

/// How long a request that came back from a replay may wait for the machine that asked for it.
pub const REPLAY_FALLBACK_PATIENCE: Duration = Duration::from_secs(30);

/// Replays that are remembered of one app and of the node, and the longest cookie or header that tells sessions
/// apart, in bytes.
pub const MAX_KEPT_REPLAYS_PER_APP: usize = 16 * 1024;
pub const MAX_KEPT_REPLAYS: usize = 128 * 1024;
pub const MAX_SESSION_KEY: usize = 512;

/// Requests of one app that wait for room at once.
pub const MAX_QUEUED: usize = 1000;

/// How long a request waits for news before it is told that an app has nothing to serve it: the copy
/// that says so may be behind its host.
pub const STALE_PATIENCE: Duration = Duration::from_secs(1);

/// How long a node that has just started may take to learn which apps and machines there are, or to hear a host
/// of which it has an old copy.
pub const READY_PATIENCE: Duration = Duration::from_secs(5);

/// A waiting request looks again at least this often, whatever it was waiting for.
pub const RECHECK: Duration = Duration::from_millis(100);

/// How long after a failed wake the app's requests get its reason instead of another try.
pub const WAKE_COOLDOWN: Duration = Duration::from_secs(3);

/// How often the edge looks for machines that may sleep.
pub const SLEEP_PASS: Duration = Duration::from_secs(1);

/// Machines that are being put to sleep at once.
pub const SLEEPERS: usize = 256;

/// How long a machine in use is emptied before the edge gives up and lets it serve on.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(60);

/// How long the host may take from accepting a stop to reporting it.
pub const STOP_REPORT: Duration = Duration::from_secs(10);

/// Silence after which the kernel asks whether the other end of a connection is still there.
pub const KEEPALIVE: Duration = Duration::from_secs(60);

/// Bytes of an answer from which compression gains more than a packet's worth.
pub const COMPRESS_FROM: u64 = 256;

/// How long the ends of a WebSocket have to answer that it closes.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes that are held of a WebSocket, or whatever else was switched to, each way.
pub const TUNNEL_BUFFER: usize = 8 * 1024;

/// How long a WebSocket goes on after one of its ends has closed: by then both have said that they do.
pub const HALF_CLOSED: Duration = Duration::from_secs(2);
