//! Frames on the channel: which connection of the host is the current one, and what waits to be sent.
//!
//! Sans-IO: bytes go in and come out, nothing is read or written here.
//!
//! A session begins with the host's `Hello`, whose number voids everything older: what waited for the
//! host before is dropped (the log and the exit report are kept elsewhere and said again), and frames
//! of another number are ignored.

use std::collections::VecDeque;

use roost_guest_api::{
    GuestMessage, HostMessage,
    channel::{MAX_TO_GUEST, MAX_TO_HOST},
    frame::{self, Decoder},
};

/// Past this many bytes nothing is queued that can wait: log records and the output of execs.
const PATIENT: usize = 256 << 10;

/// Past this many bytes the host's questions wait unread, so that one who asks and does not listen
/// cannot fill the guest's memory.
const FULL: usize = 4 << 20;

#[derive(Debug)]
pub struct Session {
    number: Option<u64>,
    decoder: Decoder,
    outgoing: VecDeque<Vec<u8>>,
    outgoing_bytes: usize,
    /// Bytes of the first outgoing frame that are written.
    written: usize,
}

/// What the host said.
#[derive(Debug, PartialEq)]
pub enum Received {
    /// A new session: everything of older ones is void.
    Opened {
        unix_ns: i64,
        acked_log: u64,
        protocol: u32,
    },
    /// The host repeats its `Hello` because the answer is late.
    Repeated,
    Message(HostMessage),
}

impl Default for Session {
    fn default() -> Session {
        Session {
            number: None,
            decoder: Decoder::new(MAX_TO_GUEST),
            outgoing: VecDeque::new(),
            outgoing_bytes: 0,
            written: 0,
        }
    }
}

impl Session {
    /// The number of the current session.
    pub fn number(&self) -> Option<u64> {
        self.number
    }

    /// What the bytes complete, in order.
    pub fn receive(&mut self, bytes: &[u8]) -> Vec<Received> {
        let mut frames = Vec::new();
        self.decoder.push(bytes, |frame| frames.extend(frame));
        frames.into_iter().filter_map(|frame| self.sort(frame.session, frame.message)).collect()
    }

    fn sort(&mut self, number: u64, message: HostMessage) -> Option<Received> {
        match message {
            HostMessage::Hello { session, .. } if self.number == Some(session) => Some(Received::Repeated),
            HostMessage::Hello { session, protocol, unix_ns, acked_log } => {
                self.number = Some(session);
                self.outgoing.clear();
                self.outgoing_bytes = 0;
                self.written = 0;
                Some(Received::Opened { unix_ns, acked_log, protocol })
            }
            message if self.number == Some(number) => Some(Received::Message(message)),
            _ => None,
        }
    }

    /// Queues a message; dropped while no host ever connected.
    pub fn send(&mut self, message: &GuestMessage) {
        let Some(number) = self.number else { return };
        match frame::encode(number, message, MAX_TO_HOST) {
            Ok(bytes) => {
                self.outgoing_bytes += bytes.len();
                self.outgoing.push_back(bytes);
            }
            Err(error) => eprintln!("roost-init: a message to the host is lost: {error}"),
        }
    }

    /// Whether more of what can wait may be queued.
    pub fn has_room(&self) -> bool {
        self.number.is_some() && self.outgoing_bytes < PATIENT
    }

    /// Whether the host may be listened to.
    pub fn may_receive(&self) -> bool {
        self.outgoing_bytes < FULL
    }

    pub fn has_outgoing(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Gives waiting bytes to `write` until it takes no more (returns 0).
    pub fn flush(&mut self, mut write: impl FnMut(&[u8]) -> usize) {
        while let Some(frame) = self.outgoing.front() {
            match write(&frame[self.written..]) {
                0 => return,
                count => self.written += count,
            }
            if self.written == frame.len() {
                self.outgoing_bytes -= frame.len();
                self.written = 0;
                self.outgoing.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(session: u64) -> Vec<u8> {
        let hello = HostMessage::Hello { session, protocol: 1, unix_ns: 5, acked_log: 3 };
        frame::encode(session, &hello, 1000).unwrap()
    }

    fn opened() -> Received {
        Received::Opened { unix_ns: 5, acked_log: 3, protocol: 1 }
    }

    #[test]
    fn a_new_session_voids_what_waited_for_the_old_one_and_what_the_old_host_still_says() {
        let mut session = Session::default();
        assert_eq!(session.receive(&hello(1)), [opened()]);
        session.send(&GuestMessage::Started { pid: 7 });
        assert!(session.has_outgoing());
        assert_eq!(session.receive(&hello(2)), [opened()]);
        assert!(!session.has_outgoing());
        let late = frame::encode(1, &HostMessage::AckExit, 1000).unwrap();
        assert_eq!(session.receive(&late), []);
        let current = frame::encode(2, &HostMessage::AckExit, 1000).unwrap();
        assert_eq!(session.receive(&current), [Received::Message(HostMessage::AckExit)]);
    }

    #[test]
    fn a_repeated_hello_voids_nothing() {
        let mut session = Session::default();
        session.receive(&hello(1));
        session.send(&GuestMessage::Started { pid: 7 });
        assert_eq!(session.receive(&hello(1)), [Received::Repeated]);
        assert!(session.has_outgoing());
    }

    #[test]
    fn a_frame_cut_by_a_new_session_does_not_reach_the_host_as_anything_else() {
        let mut session = Session::default();
        session.receive(&hello(1));
        session.send(&GuestMessage::SetupFailed { reason: "cut".into() });
        let mut stream = Vec::new();
        let mut room = 9;
        session.flush(|bytes| {
            let count = bytes.len().min(room);
            room -= count;
            stream.extend_from_slice(&bytes[..count]);
            count
        });
        session.receive(&hello(2));
        session.send(&GuestMessage::Started { pid: 7 });
        session.flush(|bytes| {
            stream.extend_from_slice(bytes);
            bytes.len()
        });
        let mut frames: Vec<frame::Frame<GuestMessage>> = Vec::new();
        Decoder::new(1000).push(&stream, |frame| frames.extend(frame));
        assert_eq!(frames.len(), 1);
        assert_eq!((frames[0].session, &frames[0].message), (2, &GuestMessage::Started { pid: 7 }));
    }

    #[test]
    fn nothing_is_queued_for_a_host_that_never_came() {
        let mut session = Session::default();
        session.send(&GuestMessage::Started { pid: 7 });
        assert!(!session.has_outgoing() && !session.has_room());
    }
}
