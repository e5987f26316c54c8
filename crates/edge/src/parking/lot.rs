//! One thread's parked connections, and the task that waits for all of them.

use std::{
    convert::Infallible,
    io,
    os::fd::{AsRawFd, RawFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use tokio::{
    io::{Interest, unix::AsyncFd},
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::{Parked, resume, slots::Slots};
use crate::{context::Edge, limits::SWEEP};

/// Connections that are taken from the kernel at a time.
const BATCH: usize = 256;

pub(crate) struct Lot {
    epoll: AsyncFd<EpollFd>,
    /// None once nothing is parked any more: the edge has stopped.
    slots: Mutex<Option<Slots>>,
}

/// As tokio wants it.
struct EpollFd(Epoll);

impl AsRawFd for EpollFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.0.as_raw_fd()
    }
}

impl Lot {
    /// On the event loop of the calling thread.
    pub fn new() -> io::Result<Self> {
        let epoll = EpollFd(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?);
        // SAFETY: the descriptor is the same for as long as it is here, and is closed with what owns it.
        let epoll = unsafe { AsyncFd::register_with_interest(epoll, Interest::READABLE)? };
        Ok(Self { epoll, slots: Mutex::new(Some(Slots::new())) })
    }

    /// Connections that are parked here.
    pub fn len(&self) -> usize {
        self.lock().as_ref().map_or(0, Slots::len)
    }

    pub(super) fn park(&self, parked: Parked, deadline: Instant) -> io::Result<()> {
        let mut lot = self.lock();
        let Some(slots) = lot.as_mut() else {
            parked.close();
            return Ok(());
        };
        let slot = slots.put(parked, deadline);
        let added = slots.get(slot).map(|parked| self.watch(parked, slot));
        if let Some(Err(error)) = added {
            slots.take(slot);
            return Err(error);
        }
        slots.freed.note();
        Ok(())
    }

    /// What has come before this is noticed, too.
    fn watch(&self, parked: &Parked, slot: usize) -> io::Result<()> {
        let what = EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLONESHOT;
        Ok(self.epoll().add(parked.io.fd()?, EpollEvent::new(what, slot as u64))?)
    }

    /// Takes a connection out.
    fn take(&self, slot: usize) -> Option<Parked> {
        let parked = self.lock().as_mut()?.take(slot)?;
        let fd = parked.io.fd().ok()?;
        self.epoll().delete(fd).ok()?;
        Some(parked)
    }

    /// Resumes connections on which something has come; true when there may be more.
    fn resume_ready(&self, edge: &Arc<Edge>) -> io::Result<bool> {
        let mut events = [EpollEvent::empty(); BATCH];
        let count = self.epoll().wait(&mut events, EpollTimeout::ZERO)?;
        for event in &events[..count] {
            if let Some(parked) = self.take(event.data() as usize) {
                resume(edge, parked);
            }
        }
        Ok(count == BATCH)
    }

    fn close_late(&self) {
        let late = self.lock().as_ref().map(|slots| slots.late(Instant::now())).unwrap_or_default();
        late.into_iter().filter_map(|slot| self.take(slot)).for_each(Parked::close);
    }

    fn give_memory_back(&self) {
        let due = self.lock().as_mut().is_some_and(|slots| {
            let parked = slots.len();
            slots.freed.is_due(parked)
        });
        if due {
            roost_memory::give_back();
        }
    }

    /// Closes all, and whatever would be parked from now on.
    fn close(&self) {
        let all = self.lock().as_ref().map(Slots::all).unwrap_or_default();
        all.into_iter().filter_map(|slot| self.take(slot)).for_each(Parked::close);
        *self.lock() = None;
    }

    fn epoll(&self) -> &Epoll {
        &self.epoll.get_ref().0
    }

    fn lock(&self) -> MutexGuard<'_, Option<Slots>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for what comes on the lot's connections until `shutdown`; in a handover for as long as that may last.
pub(crate) async fn run(edge: Arc<Edge>, lot: Arc<Lot>, shutdown: CancellationToken) {
    let kept = async {
        match keep(&edge, &lot).await {
            Ok(never) => match never {},
            Err(error) => error!(%error, "idle connections can not be watched, and are closed"),
        }
    };
    tokio::pin!(kept);
    tokio::select! {
        () = &mut kept => {}
        () = shutdown.cancelled() => {
            if let Some(limit) = edge.config.handover.limit() {
                let _ = timeout(limit, kept).await;
            }
        }
    }
    lot.close();
}

async fn keep(edge: &Arc<Edge>, lot: &Lot) -> io::Result<Infallible> {
    let mut sweep = interval(SWEEP);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            ready = lot.epoll.readable() => {
                let mut ready = ready?;
                while lot.resume_ready(edge)? {}
                ready.clear_ready();
            }
            _ = sweep.tick() => {
                lot.close_late();
                lot.give_memory_back();
            }
        }
    }
}
