//! A body that is compressed piece by piece, as it comes.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::codec::Encoder;
use crate::respond::{AppBody, BodyError};

pub(crate) struct Compressed {
    inner: AppBody,
    /// Until the end of what it makes.
    encoder: Option<Encoder>,
    /// Something went in that has not come out.
    held: bool,
    trailers: Option<HeaderMap>,
}

/// What an app sent, or that it sends nothing now.
enum Step {
    Data(Bytes),
    End(Option<HeaderMap>),
    Pause,
}

impl Compressed {
    pub fn new(inner: AppBody, encoder: Encoder) -> Self {
        Self { inner, encoder: Some(encoder), held: false, trailers: None }
    }

    /// The app's, as it comes.
    pub fn inner(&self) -> &AppBody {
        &self.inner
    }

    fn step(&mut self, cx: &mut Context<'_>) -> Result<Step, BodyError> {
        let frame = match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Pending => return Ok(Step::Pause),
            Poll::Ready(None) => return Ok(Step::End(None)),
            Poll::Ready(Some(frame)) => frame?,
        };
        Ok(match frame.into_data() {
            Ok(data) => Step::Data(data),
            Err(frame) => Step::End(frame.into_trailers().ok()),
        })
    }

    /// The next piece, when there is one; `None` at the end of the data.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        loop {
            if self.encoder.is_none() {
                return Poll::Ready(Ok(None));
            }
            let step = self.step(cx)?;
            let Some(mut encoder) = self.encoder.take() else { return Poll::Ready(Ok(None)) };
            let out = match &step {
                Step::Data(data) => {
                    encoder.write(data).map_err(BodyError::Coding)?;
                    self.held = true;
                    encoder.take()
                }
                Step::Pause if self.held => {
                    encoder.flush().map_err(BodyError::Coding)?;
                    self.held = false;
                    encoder.take()
                }
                Step::Pause => {
                    self.encoder = Some(encoder);
                    return Poll::Pending;
                }
                Step::End(trailers) => {
                    self.trailers = trailers.clone();
                    let rest = encoder.finish().map_err(BodyError::Coding)?;
                    return Poll::Ready(Ok(Some(rest)));
                }
            };
            self.encoder = Some(encoder);
            if !out.is_empty() {
                return Poll::Ready(Ok(Some(out)));
            }
        }
    }
}

impl Body for Compressed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let data = ready!(this.poll_data(cx))?;
        let trailers = || this.trailers.take().map(Frame::trailers);
        Poll::Ready(data.map(Frame::data).or_else(trailers).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.encoder.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
