//! An interactive session in a machine: [`ExecFrame`]s as JSON lines, both ways.

use futures::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{ReadHalf, WriteHalf};
use tokio_util::codec::{FramedRead, FramedWrite, LinesCodec};

use super::HostError;
use crate::{ExecFrame, MAX_LINE_BYTES};

type Io = TokioIo<Upgraded>;

/// The open connection: used as frames, or handed on as it is.
pub struct ExecUpgrade(Io);

impl ExecUpgrade {
    pub(super) fn new(io: Io) -> Self {
        Self(io)
    }

    /// The raw connection, for a relay that does not look inside.
    pub fn into_io(self) -> Io {
        self.0
    }

    pub fn split(self) -> (ExecSender, ExecReceiver) {
        let (read, write) = tokio::io::split(self.0);
        let codec = || LinesCodec::new_with_max_length(MAX_LINE_BYTES);
        (ExecSender(FramedWrite::new(write, codec())), ExecReceiver(FramedRead::new(read, codec())))
    }
}

pub struct ExecSender(FramedWrite<WriteHalf<Io>, LinesCodec>);

impl ExecSender {
    pub async fn send(&mut self, frame: &ExecFrame) -> Result<(), HostError> {
        let line = serde_json::to_string(frame).map_err(|e| HostError::Protocol(e.to_string()))?;
        self.0.send(line).await.map_err(|e| HostError::Broken(e.to_string()))
    }
}

pub struct ExecReceiver(FramedRead<ReadHalf<Io>, LinesCodec>);

impl ExecReceiver {
    /// The next frame; `None` when the host closed the session.
    pub async fn recv(&mut self) -> Result<Option<ExecFrame>, HostError> {
        let Some(line) = self.0.next().await else { return Ok(None) };
        let line = line.map_err(|e| HostError::Broken(e.to_string()))?;
        serde_json::from_str(&line).map(Some).map_err(|e| HostError::Protocol(e.to_string()))
    }
}
