//! A command in a machine: frames both ways over an upgraded connection.

use futures::{SinkExt as _, StreamExt as _};
use roost_host_api::{ExecFrame, MAX_LINE_BYTES};
use tokio::io::{ReadHalf, WriteHalf};
use tokio_util::codec::{FramedRead, FramedWrite, LinesCodec};

use crate::ClientError;

/// The two directions of an exec session.
pub struct ExecStream {
    pub sender: ExecSender,
    pub receiver: ExecReceiver,
}

pub struct ExecSender {
    url: String,
    frames: FramedWrite<WriteHalf<reqwest::Upgraded>, LinesCodec>,
}

pub struct ExecReceiver {
    url: String,
    frames: FramedRead<ReadHalf<reqwest::Upgraded>, LinesCodec>,
}

impl ExecStream {
    pub(crate) fn new(url: String, connection: reqwest::Upgraded) -> Self {
        let (read, write) = tokio::io::split(connection);
        let codec = || LinesCodec::new_with_max_length(MAX_LINE_BYTES);
        Self {
            sender: ExecSender { url: url.clone(), frames: FramedWrite::new(write, codec()) },
            receiver: ExecReceiver { url, frames: FramedRead::new(read, codec()) },
        }
    }
}

impl ExecSender {
    pub async fn send(&mut self, frame: &ExecFrame) -> Result<(), ClientError> {
        let line = serde_json::to_string(frame)
            .map_err(|e| ClientError::Nonsense { url: self.url.clone(), reason: e.to_string() })?;
        let sent = self.frames.send(line).await;
        sent.map_err(|e| ClientError::Broken { url: self.url.clone(), source: e.into() })
    }
}

impl ExecReceiver {
    /// The next frame; `None` when the server ended the session.
    pub async fn recv(&mut self) -> Result<Option<ExecFrame>, ClientError> {
        let Some(line) = self.frames.next().await else { return Ok(None) };
        let line = line.map_err(|e| ClientError::Broken { url: self.url.clone(), source: e.into() })?;
        serde_json::from_str(&line)
            .map(Some)
            .map_err(|e| ClientError::Nonsense { url: self.url.clone(), reason: e.to_string() })
    }
}
