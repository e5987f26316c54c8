//! One stream of one process, on its way into the log.

use std::{
    fs::File,
    io::{ErrorKind, Read},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use roost_guest_api::{LogStream, lines::Lines};

use super::LogBuffer;

/// Reads in one turn of the loop: a process that never stops writing must not starve the others.
const READS_IN_TURN: usize = 8;

#[derive(Debug)]
pub struct Output {
    process: String,
    stream: LogStream,
    /// Nothing once the other end is closed.
    pipe: Option<File>,
    lines: Lines,
}

impl Output {
    /// `pipe` must be non-blocking.
    pub fn new(process: &str, stream: LogStream, pipe: OwnedFd) -> Output {
        let process = process.to_owned();
        Output { process, stream, pipe: Some(File::from(pipe)), lines: Lines::default() }
    }

    pub fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Moves what is there into the log.
    pub fn pump(&mut self, logs: &mut LogBuffer) {
        let mut buffer = [0; 16 << 10];
        for _ in 0..READS_IN_TURN {
            let Some(pipe) = &mut self.pipe else { return };
            match pipe.read(&mut buffer) {
                Ok(count) if count > 0 => {
                    self.lines.push(&buffer[..count], |line| logs.push(&self.process, self.stream, line));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // The end; a terminal says it by an error.
                Ok(_) | Err(_) => return self.finish(logs),
            }
        }
    }

    /// Takes what is left although the other end may still be open.
    pub fn drain(&mut self, logs: &mut LogBuffer) {
        // A pipe holds 64 KiB, which is less than one turn reads.
        self.pump(logs);
        self.finish(logs);
    }

    fn finish(&mut self, logs: &mut LogBuffer) {
        self.pipe = None;
        self.lines.finish(|line| logs.push(&self.process, self.stream, line));
    }
}
