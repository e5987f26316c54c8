//! Log records from when a process writes them until they are on the host's disk.
//!
//! Bounded by bytes: when it is full the oldest records go, and the host is told how many. A record is
//! sent at most once in each session; a new session starts again after the last one that the host has.

use std::collections::VecDeque;

use roost_guest_api::{GuestMessage, LogRecord, LogStream, channel::LOG_WINDOW};

use crate::clock;

/// What a record costs beside its line: its other fields, and its share of the queue.
const RECORD_OVERHEAD: u64 = 64;

/// Until the run configuration says it.
const DEFAULT_CAPACITY: u64 = 1 << 20;

#[derive(Debug)]
pub struct LogBuffer {
    records: VecDeque<LogRecord>,
    bytes: u64,
    capacity: u64,
    /// Sequence of the next record to be made.
    next_seq: u64,
    /// Sequence of the next record to be sent in this session.
    next_to_send: u64,
    acked: u64,
    /// What was dropped and is not told yet, or not acknowledged: bytes of the lines, and how many.
    dropped_bytes: u64,
    dropped: u64,
}

/// What may be sent now.
#[derive(Debug, PartialEq)]
pub enum Next {
    Message(GuestMessage),
    /// The host must acknowledge first.
    WindowFull,
    /// All is sent.
    Nothing,
}

impl Default for LogBuffer {
    fn default() -> LogBuffer {
        LogBuffer {
            records: VecDeque::new(),
            bytes: 0,
            capacity: DEFAULT_CAPACITY,
            next_seq: 1,
            next_to_send: 1,
            acked: 0,
            dropped_bytes: 0,
            dropped: 0,
        }
    }
}

impl LogBuffer {
    pub fn set_capacity(&mut self, bytes: u64) {
        self.capacity = bytes;
        self.shrink();
    }

    pub fn push(&mut self, process: &str, stream: LogStream, line: String) {
        let process = process.to_owned();
        let record = LogRecord { seq: self.next_seq, unix_ns: clock::unix_ns(), stream, process, line };
        self.next_seq += 1;
        self.bytes += cost(&record);
        self.records.push_back(record);
        self.shrink();
    }

    /// A new session: the host has everything up to `acked`.
    pub fn resume(&mut self, acked: u64) {
        self.ack(acked);
        self.next_to_send = self.acked + 1;
    }

    /// The host has everything up to `seq`, or knows that it is lost.
    pub fn ack(&mut self, seq: u64) {
        let seq = seq.min(self.next_seq - 1);
        if seq <= self.acked {
            return;
        }
        self.acked = seq;
        self.next_to_send = self.next_to_send.max(seq + 1);
        self.settle_dropped();
        while self.records.front().is_some_and(|record| record.seq <= seq) {
            self.pop();
        }
    }

    /// The next message, once; call until it is not a message.
    pub fn next_message(&mut self) -> Next {
        if self.next_to_send > self.acked + LOG_WINDOW as u64 {
            return Next::WindowFull;
        }
        let first = self.first_kept();
        if self.next_to_send < first {
            let (first_seq, count) = (self.next_to_send, first - self.next_to_send);
            self.next_to_send = first;
            return Next::Message(GuestMessage::LogDropped { first_seq, count, bytes: self.estimate(count) });
        }
        if self.next_to_send == self.next_seq {
            return Next::Nothing;
        }
        let at = usize::try_from(self.next_to_send - first).unwrap_or(usize::MAX);
        match self.records.get(at) {
            Some(record) => {
                self.next_to_send += 1;
                Next::Message(GuestMessage::Log { record: record.clone() })
            }
            None => Next::Nothing,
        }
    }

    fn shrink(&mut self) {
        // The newest record stays whatever the capacity: a bound of nothing would hide everything.
        while self.bytes > self.capacity && self.records.len() > 1 {
            if let Some(record) = self.pop() {
                self.dropped += 1;
                self.dropped_bytes += record.line.len() as u64;
            }
        }
    }

    fn pop(&mut self) -> Option<LogRecord> {
        let record = self.records.pop_front()?;
        self.bytes -= cost(&record);
        Some(record)
    }

    fn first_kept(&self) -> u64 {
        self.records.front().map_or(self.next_seq, |record| record.seq)
    }

    /// Bytes of `count` dropped records: all of them in the usual case, else in proportion.
    fn estimate(&self, count: u64) -> u64 {
        if count >= self.dropped { self.dropped_bytes } else { self.dropped_bytes * count / self.dropped }
    }

    /// Forgets dropped records that the host had acknowledged or was told of.
    fn settle_dropped(&mut self) {
        let left = self.first_kept().saturating_sub(self.acked + 1).min(self.dropped);
        self.dropped_bytes = self.estimate(left);
        self.dropped = left;
    }
}

fn cost(record: &LogRecord) -> u64 {
    record.line.len() as u64 + RECORD_OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(count: u64) -> LogBuffer {
        let mut buffer = LogBuffer::default();
        for number in 1..=count {
            buffer.push("app", LogStream::Stdout, format!("line {number:04}"));
        }
        buffer
    }

    /// Sequences sent now, with dropped ranges as `(first, count, bytes)`.
    fn sent(buffer: &mut LogBuffer) -> (Vec<u64>, Vec<(u64, u64, u64)>) {
        let (mut records, mut dropped) = (Vec::new(), Vec::new());
        while let Next::Message(message) = buffer.next_message() {
            match message {
                GuestMessage::Log { record } => records.push(record.seq),
                GuestMessage::LogDropped { first_seq, count, bytes } => {
                    dropped.push((first_seq, count, bytes));
                }
                other => panic!("not about the log: {other:?}"),
            }
        }
        (records, dropped)
    }

    #[test]
    fn a_new_session_repeats_what_was_not_acknowledged() {
        let mut buffer = filled(5);
        assert_eq!(sent(&mut buffer).0, [1, 2, 3, 4, 5]);
        assert!(sent(&mut buffer).0.is_empty());
        buffer.ack(2);
        buffer.resume(3);
        assert_eq!(sent(&mut buffer).0, [4, 5]);
    }

    #[test]
    fn a_host_that_does_not_acknowledge_gets_no_more_than_the_window() {
        let mut buffer = filled(LOG_WINDOW as u64 + 10);
        assert_eq!(sent(&mut buffer).0.len(), LOG_WINDOW);
        assert_eq!(buffer.next_message(), Next::WindowFull);
        buffer.ack(4);
        assert_eq!(sent(&mut buffer).0.len(), 4);
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_counted() {
        let mut buffer = LogBuffer::default();
        buffer.set_capacity(10 * (9 + RECORD_OVERHEAD));
        for number in 1..=25 {
            buffer.push("app", LogStream::Stderr, format!("line {number:04}"));
        }
        assert_eq!(sent(&mut buffer), ((16..=25).collect(), vec![(1, 15, 15 * 9)]));
        // Not acknowledged, so said again; acknowledged, so not.
        buffer.resume(0);
        assert_eq!(sent(&mut buffer).1, [(1, 15, 15 * 9)]);
        buffer.resume(5);
        assert_eq!(sent(&mut buffer).1, [(6, 10, 10 * 9)]);
        buffer.ack(15);
        buffer.resume(15);
        assert_eq!(sent(&mut buffer), ((16..=25).collect(), vec![]));
    }

    #[test]
    fn an_acknowledgement_of_what_never_was_does_no_harm() {
        let mut buffer = filled(3);
        buffer.ack(1000);
        assert!(sent(&mut buffer).0.is_empty());
        buffer.push("app", LogStream::Stdout, "next".into());
        assert_eq!(sent(&mut buffer).0, [4]);
    }
}
