//! How long the edge waits for the head of an answer, and meanwhile for the request's body.

use std::{
    future::poll_fn,
    mem,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use http::Version;
use tokio::time::{Instant, timeout};

use crate::{
    failure::{Code, Failure},
    limits::TICK,
    request_body::Upload,
    slow::{Pace, SlowClients},
};

/// When a request is looked at, beside whenever something has moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Looks {
    /// Every second, as its connection is: it needs no timer of its own.
    EverySecond,
    WhenWoken,
}

impl Looks {
    /// Of a request that came over `version`.
    pub fn of(version: Version) -> Self {
        match version {
            Version::HTTP_2 | Version::HTTP_3 => Self::WhenWoken,
            _ => Self::EverySecond,
        }
    }
}

/// The answer, unless it does not come within `limit` after the last piece of the upload, or the client is too slow with
/// the next.
pub(crate) async fn within<T>(
    limit: Duration,
    looks: Looks,
    upload: Option<(&Upload, SlowClients)>,
    answer: impl Future<Output = T>,
) -> Result<T, Failure> {
    let mut answer = pin!(answer);
    let Some((upload, slow)) = upload else {
        return in_time(limit, looks, None, answer).await.ok_or_else(|| Code::AnswerTimeout.into());
    };
    let (mut pace, every) = (Pace::new(slow), slow.look_every().min(limit));
    let (mut before, mut silent) = (upload.progress(), Duration::ZERO);
    loop {
        let begun = Instant::now();
        if let Some(answer) = in_time(every, looks, Some(begun), answer.as_mut()).await {
            return Ok(answer);
        }
        // Looks that are late are nobody's fault.
        let time = begun.elapsed().min(every + TICK);
        let progress = upload.progress();
        let waited = progress.is_waited_for || progress.waits > before.waits;
        // All of it before the wait, which may have been longer than a client's patience.
        pace.is_owed(progress.bytes - before.bytes);
        if waited && !pace.waited(time) {
            return Err(Code::UploadTimeout.into());
        }
        pace.is_even();
        let moved = waited || progress.pieces > before.pieces;
        silent = if moved { Duration::ZERO } else { silent + time };
        if silent >= limit {
            return Err(Code::AnswerTimeout.into());
        }
        before = progress;
    }
}

/// The answer, unless it does not come within `limit`, which began at `begun` or about now.
async fn in_time<T>(
    limit: Duration,
    looks: Looks,
    mut begun: Option<Instant>,
    mut answer: Pin<&mut impl Future<Output = T>>,
) -> Option<T> {
    if let Looks::WhenWoken = looks {
        return timeout(limit, answer).await.ok();
    }
    let mut sends = false;
    poll_fn(|cx| match (answer.as_mut().poll(cx), begun) {
        (Poll::Ready(answer), _) => Poll::Ready(Some(answer)),
        (Poll::Pending, Some(begun)) if begun.elapsed() >= limit => Poll::Ready(None),
        (Poll::Pending, Some(_)) => Poll::Pending,
        (Poll::Pending, None) => {
            // The first time it waits for its turn to be sent, which is now: one look at the clock is enough for most.
            begun = mem::replace(&mut sends, true).then(Instant::now);
            Poll::Pending
        }
    })
    .await
}
