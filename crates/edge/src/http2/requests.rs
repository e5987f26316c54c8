//! The requests of one connection, all of them moved by the connection's task.
//!
//! Each has a place, and a waker that marks it (`marks`). A task for each request, and what it costs to make, wake and
//! end it, is not needed, and requests that are answered in the same turn are so in one write.

use std::{
    cell::RefCell,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use tokio_util::sync::ReusableBoxFuture;

use super::{
    given_up::Ended,
    marks::{Marks, PLACES},
};
use crate::limits::H2_STREAMS;

/// Places before this are not requests'.
pub(super) const FIRST: usize = 2;

const MOST: usize = PLACES - FIRST;

// A client that has reset a stream may open another before the first one's request has noticed.
const _: () = assert!(MOST > H2_STREAMS as usize);

/// Of requests that have ended, the memory that each thread keeps for the next: some kilobytes each.
const SPARE: usize = 64;

type Request = ReusableBoxFuture<'static, Ended>;

thread_local! {
    static SPARES: RefCell<Vec<Request>> = const { RefCell::new(Vec::new()) };
}

pub(super) struct Requests {
    marks: Arc<Marks>,
    /// As many as there were requests at once.
    places: Vec<Place>,
    free: Vec<usize>,
}

struct Place {
    request: Option<Request>,
    waker: Waker,
}

impl Requests {
    pub fn new(marks: Arc<Marks>) -> Self {
        Self { marks, places: Vec::new(), free: Vec::new() }
    }

    pub fn have_room(&self) -> bool {
        !self.free.is_empty() || self.places.len() < MOST
    }

    /// Gives the request a place, and moves it for the first time.
    pub fn begin(&mut self, request: impl Future<Output = Ended> + Send + 'static) -> Option<Ended> {
        let at = self.free.pop().unwrap_or_else(|| {
            let at = self.places.len();
            self.places.push(Place { request: None, waker: self.marks.waker(FIRST + at) });
            at
        });
        self.places[at].request = Some(boxed(request));
        self.run(FIRST + at)
    }

    /// Moves the request of this place, if there still is one, as far as it goes.
    pub fn run(&mut self, place: usize) -> Option<Ended> {
        let at = place - FIRST;
        let place = self.places.get_mut(at)?;
        let request = place.request.as_mut()?;
        let Poll::Ready(ended) = request.poll(&mut Context::from_waker(&place.waker)) else { return None };
        if let Some(request) = place.request.take() {
            spare(request);
        }
        self.free.push(at);
        Some(ended)
    }
}

fn boxed(request: impl Future<Output = Ended> + Send + 'static) -> Request {
    match SPARES.with_borrow_mut(Vec::pop) {
        Some(mut spare) => {
            spare.set(request);
            spare
        }
        None => ReusableBoxFuture::new(request),
    }
}

/// Of a request that has ended nothing is left but its memory.
fn spare(ended: Request) {
    SPARES.with_borrow_mut(|spares| {
        if spares.len() < SPARE {
            spares.push(ended);
        }
    });
}
