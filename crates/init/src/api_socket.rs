//! The socket `/.fly/api`: processes of the machine speak HTTP to the platform's API there, as the machine.
//!
//! Bytes only: what they mean is the api's affair. Each connection belongs to one session of the channel,
//! and both directions work on credit, so that one that stands still holds up nothing else.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::{self, Permissions},
    io::{ErrorKind, Read, Write},
    net::Shutdown,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::{
            fs::PermissionsExt,
            net::{UnixListener, UnixStream},
        },
    },
    path::Path,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use nix::poll::PollFlags;
use roost_guest_api::{
    GuestMessage,
    channel::{EXEC_CHUNK, EXEC_WINDOW, MAX_API_STREAMS, chunk_cost},
};

use crate::{
    Context, Result,
    session::Session,
    setup::{ROOT, Rooted},
};

const FOLDER: &str = "/.fly";

pub struct ApiSocket {
    listener: UnixListener,
    open: BTreeMap<u32, Connection>,
    /// Never used twice in a boot: a late word about an old connection means no new one.
    next: u32,
}

struct Connection {
    stream: UnixStream,
    /// Cost that may be sent to the host.
    credit: usize,
    /// The process sends no more.
    read_ended: bool,
    waiting: VecDeque<Vec<u8>>,
    waiting_cost: usize,
    /// Bytes of the first waiting chunk that are written.
    written: usize,
    /// The host sends no more.
    write_ended: bool,
    /// The process is gone, or what it does not read is.
    broken: bool,
}

impl ApiSocket {
    /// Everybody in the machine may connect: it is the machine that calls, not a user of it.
    pub fn bind() -> Result<ApiSocket> {
        let root = Rooted::open(Path::new(ROOT))?;
        root.remove(&format!("{FOLDER}/api"))?;
        let folder = root.dir(FOLDER)?;
        let path = Rooted::mount_point(&folder).join("api");
        let listener = UnixListener::bind(&path).context(|| "listen on /.fly/api".into())?;
        fs::set_permissions(&path, Permissions::from_mode(0o666)).context(|| "open /.fly/api".into())?;
        listener.set_nonblocking(true).context(|| "listen on /.fly/api".into())?;
        Ok(ApiSocket { listener, open: BTreeMap::new(), next: 1 })
    }

    pub fn poll_fds(&self, room: bool) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        let mut fds = Vec::new();
        if room && self.open.len() < MAX_API_STREAMS {
            fds.push((self.listener.as_fd(), PollFlags::POLLIN));
        }
        for connection in self.open.values() {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::POLLIN, room && connection.may_read());
            flags.set(PollFlags::POLLOUT, !connection.waiting.is_empty());
            if !flags.is_empty() {
                fds.push((connection.stream.as_fd(), flags));
            }
        }
        fds
    }

    /// Moves what is there, both ways.
    pub fn pump(&mut self, session: &mut Session) {
        while session.has_room() && self.open.len() < MAX_API_STREAMS {
            let Ok((stream, _)) = self.listener.accept() else { break };
            if stream.set_nonblocking(true).is_ok() {
                session.send(&GuestMessage::ApiOpened { stream: self.next });
                self.open.insert(self.next, Connection::new(stream));
                self.next = self.next.wrapping_add(1);
            }
        }
        self.open.retain(|&id, connection| {
            connection.pump(id, session);
            let over = connection.broken || (connection.write_ended && connection.waiting.is_empty());
            if over {
                session.send(&GuestMessage::ApiClosed { stream: id });
            }
            !over
        });
    }

    /// base64, from the host; an empty chunk is the last.
    pub fn data(&mut self, id: u32, data: &str) {
        let Some(connection) = self.open.get_mut(&id) else { return };
        match BASE64_STANDARD.decode(data) {
            Ok(data) if data.is_empty() => connection.write_ended = true,
            Ok(data) => connection.push(data),
            Err(_) => connection.broken = true,
        }
    }

    pub fn taken(&mut self, id: u32, cost: u64) {
        if let Some(connection) = self.open.get_mut(&id) {
            let cost = usize::try_from(cost).unwrap_or(usize::MAX);
            connection.credit = connection.credit.saturating_add(cost).min(EXEC_WINDOW);
        }
    }

    /// The host is done with it: what has come for the process still reaches it.
    pub fn closed(&mut self, id: u32) {
        if let Some(connection) = self.open.get_mut(&id) {
            connection.write_ended = true;
        }
    }

    /// Their session is over.
    pub fn close_all(&mut self) {
        self.open.clear();
    }
}

impl Connection {
    fn new(stream: UnixStream) -> Connection {
        Connection {
            stream,
            credit: EXEC_WINDOW,
            read_ended: false,
            waiting: VecDeque::new(),
            waiting_cost: 0,
            written: 0,
            write_ended: false,
            broken: false,
        }
    }

    fn may_read(&self) -> bool {
        !self.read_ended && self.credit >= chunk_cost(EXEC_CHUNK)
    }

    fn push(&mut self, data: Vec<u8>) {
        self.waiting_cost += chunk_cost(data.len());
        self.waiting.push_back(data);
        // More than the credit: not our host's way.
        self.broken |= self.waiting_cost > EXEC_WINDOW;
    }

    fn pump(&mut self, id: u32, session: &mut Session) {
        while session.has_room() && self.may_read() && !self.broken {
            let mut buffer = [0; EXEC_CHUNK];
            let data = match self.stream.read(&mut buffer) {
                Ok(read) => &buffer[..read],
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => {
                    self.broken = true;
                    break;
                }
            };
            self.read_ended = data.is_empty();
            self.credit -= chunk_cost(data.len());
            session.send(&GuestMessage::ApiSent { stream: id, data: BASE64_STANDARD.encode(data) });
        }
        let through = self.write();
        if through > 0 {
            session.send(&GuestMessage::ApiTaken { stream: id, cost: through });
        }
        if self.write_ended && self.waiting.is_empty() {
            let _gone = self.stream.shutdown(Shutdown::Write);
        }
    }

    /// Writes what the process takes; the cost of chunks that are through.
    fn write(&mut self) -> u64 {
        let mut through = 0;
        while let Some(chunk) = self.waiting.front() {
            match self.stream.write(&chunk[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.broken = true;
                    break;
                }
            }
            if self.written == chunk.len() {
                through += chunk_cost(chunk.len());
                self.written = 0;
                self.waiting.pop_front();
            }
        }
        self.waiting_cost -= through;
        through as u64
    }
}
