//! The body of a request on its way to an app, as the app takes it: whether or not anybody takes of the answer meanwhile.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::Body as _;
use tokio::{sync::oneshot, task::AbortHandle};

use crate::{client_body::UploadError, request_body::RequestBody};

/// What has not been sent at once; dropping it gives up the rest.
pub(super) struct Rest {
    task: AbortHandle,
    broken: oneshot::Receiver<UploadError>,
}

/// Sends what is here; for the rest, if there is one, there is a task.
pub(super) async fn send(stream: SendStream<Bytes>, body: RequestBody) -> Result<Option<Rest>, UploadError> {
    let mut sending = Sending { stream, body };
    let sent = poll_fn(|cx| Poll::Ready(sending.poll(cx))).await;
    match sent {
        Poll::Ready(sent) => sent.map(|()| None),
        Poll::Pending => {
            let (tell, broken) = oneshot::channel();
            let task = tokio::spawn(async move {
                if let Err(error) = poll_fn(|cx| sending.poll(cx)).await {
                    // Before the reset, which whoever waits for the answer sees. It may not wait any more.
                    let _ = tell.send(error);
                    sending.stream.send_reset(Reason::CANCEL);
                }
            });
            Ok(Some(Rest { task: task.abort_handle(), broken }))
        }
    }
}

impl Rest {
    /// Why it will not be sent, if it broke off.
    pub fn broken(&mut self) -> Option<UploadError> {
        self.broken.try_recv().ok()
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Sending {
    stream: SendStream<Bytes>,
    body: RequestBody,
}

impl Sending {
    /// Ready when all is sent, or the app wants no more of it: then its answer says why.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), UploadError>> {
        loop {
            if self.stream.poll_reset(cx).is_ready() || !ready!(self.poll_room(cx)) {
                return Poll::Ready(Ok(()));
            }
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)?) else {
                return self.end_with(|stream| stream.send_data(Bytes::new(), true));
            };
            match frame.into_data() {
                Ok(piece) if self.body.is_end_stream() => {
                    return self.end_with(|stream| stream.send_data(piece, true));
                }
                Ok(piece) => {
                    if self.stream.send_data(piece, false).is_err() {
                        return Poll::Ready(Ok(()));
                    }
                }
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    return self.end_with(|stream| stream.send_trailers(trailers));
                }
            }
        }
    }

    /// A stream that has ended already shows with the answer.
    fn end_with(
        &mut self,
        end: impl FnOnce(&mut SendStream<Bytes>) -> Result<(), h2::Error>,
    ) -> Poll<Result<(), UploadError>> {
        let _ = end(&mut self.stream);
        Poll::Ready(Ok(()))
    }

    /// Whether the app takes more: it has taken enough of what was sent before, or will not any more.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        // Of a window that all streams share no more is taken than is used at once.
        self.stream.reserve_capacity(1);
        while self.stream.capacity() == 0 {
            match ready!(self.stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(false),
            }
        }
        Poll::Ready(true)
    }
}
