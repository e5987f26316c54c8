//! A position in the log of an app, moving towards the newest line.
//!
//! Readers hold no lock and no queue: they read the files, so a slow one costs nothing but the lines
//! that the ring drops before it comes to them.

use std::{io, sync::Arc};

use roost_model::MachineId;

use super::{
    app::AppLog,
    segment::{self, Line},
};

/// Read at a time.
const BATCH_BYTES: u64 = 256 << 10;

pub struct Reader {
    log: Arc<AppLog>,
    machine: Option<MachineId>,
    /// Only lines after this cursor.
    after: u64,
    /// First cursor of the segment that is read, and the offset in it.
    segment: Option<u64>,
    offset: u64,
}

impl Reader {
    pub fn after(log: Arc<AppLog>, after: u64, machine: Option<MachineId>) -> Self {
        Self { log, machine, after, segment: None, offset: 0 }
    }

    /// Begins with the last `count` lines of what is kept.
    pub fn tail(log: Arc<AppLog>, count: usize, machine: Option<MachineId>) -> io::Result<Self> {
        let wanted = |line: &Line| machine.as_ref().is_none_or(|m| line.machine == *m);
        let mut missing = count;
        let mut after = *log.newest().borrow();
        for first in segment::list(log.dir())?.into_iter().rev() {
            let (lines, _) = segment::read(&segment::path(log.dir(), first), 0, u64::MAX)?;
            for line in lines.iter().rev().filter(|line| wanted(line)).take(missing) {
                after = after.min(line.cursor - 1);
                missing -= 1;
            }
            if missing == 0 {
                break;
            }
        }
        Ok(Self::after(log, after, machine))
    }

    /// The next lines (none of them wanted, perhaps); `None` at the end of what is written.
    pub fn next_batch(&mut self) -> io::Result<Option<Vec<Line>>> {
        let segments = segment::list(self.log.dir()).unwrap_or_default();
        let Some(segment) = self.place(&segments) else { return Ok(None) };
        let path = segment::path(self.log.dir(), segment);
        let (mut lines, end) = segment::read(&path, self.offset, BATCH_BYTES)?;
        if end == self.offset {
            // A longer line than the batch can not have been written.
            let Some(next) = segments.into_iter().find(|s| *s > segment) else { return Ok(None) };
            (self.segment, self.offset) = (Some(next), 0);
            return Ok(Some(Vec::new()));
        }
        self.offset = end;
        lines.retain(|line| line.cursor > self.after);
        self.after = lines.last().map_or(self.after, |line| line.cursor);
        lines.retain(|line| self.machine.as_ref().is_none_or(|m| line.machine == *m));
        Ok(Some(lines))
    }

    /// The segment to read in; moves on when the ring has dropped the one it was in.
    fn place(&mut self, segments: &[u64]) -> Option<u64> {
        match self.segment {
            Some(segment) if segments.contains(&segment) => Some(segment),
            _ => {
                let holding = segments.iter().rev().find(|s| **s <= self.after + 1);
                let segment = holding.or(segments.first()).copied()?;
                (self.segment, self.offset) = (Some(segment), 0);
                Some(segment)
            }
        }
    }
}
