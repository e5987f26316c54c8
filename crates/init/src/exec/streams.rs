//! The streams of an exec, in init's hands.

use std::{
    collections::VecDeque,
    fs::File,
    io::{ErrorKind, Read, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use roost_guest_api::{
    GuestMessage, LogStream,
    channel::{EXEC_CHUNK, EXEC_WINDOW, chunk_cost},
};

/// What a terminal's reader understands as the end of its input (Ctrl-D).
const END_OF_INPUT: u8 = 4;

/// Bytes on their way to stdin.
pub struct Input {
    /// Nothing once it is closed, by either side.
    pipe: Option<File>,
    is_terminal: bool,
    waiting: VecDeque<Vec<u8>>,
    waiting_cost: usize,
    /// Bytes of the first waiting chunk that are written.
    written: usize,
    /// To be closed when all is written.
    closing: bool,
}

/// The host sent more than its credit.
#[derive(Debug)]
pub struct TooMuch;

impl Input {
    pub fn new(pipe: Option<OwnedFd>, is_terminal: bool) -> Input {
        let pipe = pipe.map(File::from);
        Input { pipe, is_terminal, waiting: VecDeque::new(), waiting_cost: 0, written: 0, closing: false }
    }

    /// An empty chunk closes.
    pub fn push(&mut self, data: Vec<u8>) -> Result<(), TooMuch> {
        let cost = chunk_cost(data.len());
        if self.closing {
            return Ok(());
        }
        if data.is_empty() {
            self.closing = !self.is_terminal;
            if self.is_terminal {
                self.waiting.push_back(vec![END_OF_INPUT]);
                self.waiting_cost += chunk_cost(1);
            }
            return Ok(());
        }
        if self.waiting_cost + cost > EXEC_WINDOW {
            return Err(TooMuch);
        }
        self.waiting_cost += cost;
        self.waiting.push_back(data);
        Ok(())
    }

    /// Waits for room only if there is something to write.
    pub fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().filter(|_| !self.waiting.is_empty()).map(AsFd::as_fd)
    }

    /// Writes what the process takes; the cost of chunks that are through, if any.
    pub fn pump(&mut self) -> Option<u64> {
        let mut through = 0;
        while let Some(chunk) = self.waiting.front() {
            let written = match &mut self.pipe {
                Some(pipe) => pipe.write(&chunk[self.written..]),
                // Nobody reads any more: swallowed, so that the host is not held up.
                None => Ok(chunk.len() - self.written),
            };
            match written {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.pipe = None,
            }
            if self.written == chunk.len() {
                through += chunk_cost(chunk.len());
                self.written = 0;
                self.waiting.pop_front();
            }
        }
        self.waiting_cost -= through;
        if self.closing && self.waiting.is_empty() {
            self.pipe = None;
        }
        (through > 0).then_some(through as u64)
    }
}

/// stdout or stderr, on its way to the host.
pub struct OutputStream {
    stream: LogStream,
    /// Nothing at its end.
    pipe: Option<File>,
    /// The process has ended: the first moment without data is the end.
    last: bool,
}

impl OutputStream {
    pub fn new(stream: LogStream, pipe: OwnedFd) -> OutputStream {
        OutputStream { stream, pipe: Some(File::from(pipe)), last: false }
    }

    pub fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    pub fn expect_no_more(&mut self) {
        self.last = true;
    }

    pub fn is_done(&self) -> bool {
        self.pipe.is_none()
    }

    /// The next chunk and its cost; nothing when there is none now.
    pub fn read(&mut self, exec: u32) -> Option<(GuestMessage, usize)> {
        let mut buffer = [0; EXEC_CHUNK];
        loop {
            match self.pipe.as_mut()?.read(&mut buffer) {
                Ok(count) if count > 0 => {
                    let data = BASE64_STANDARD.encode(&buffer[..count]);
                    let message = GuestMessage::ExecOutput { exec, stream: self.stream, data };
                    return Some((message, chunk_cost(count)));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock && !self.last => return None,
                // The end; a terminal says it by an error.
                Ok(_) | Err(_) => self.pipe = None,
            }
        }
    }
}
