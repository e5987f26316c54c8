//! Carries a WebSocket between its ends, and closes it on both sides when it has to go.

use std::io;

use roost_wire::websocket::{Frames, going_away};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio_util::sync::CancellationToken;

use crate::{
    both_ways::{Broken, both_ways},
    limits::{CLOSE_TIMEOUT, HALF_CLOSED, TUNNEL_BUFFER},
};

/// Which end a direction leads to.
#[derive(Debug, Clone, Copy)]
enum For {
    Client,
    App,
}

impl For {
    fn going_away(self) -> Vec<u8> {
        match self {
            Self::Client => going_away(None),
            Self::App => going_away(Some(rand::random())),
        }
    }
}

/// Until an end closes; from `leave` on the ends are told so, and get a moment to answer.
pub(crate) async fn carry(
    client: impl AsyncRead + AsyncWrite + Unpin,
    app: impl AsyncRead + AsyncWrite + Unpin,
    leave: &CancellationToken,
) -> io::Result<()> {
    let (from_client, to_client) = split(client);
    let (from_app, to_app) = split(app);
    let up = pump(from_client, to_app, For::App, leave);
    let carried = both_ways(up, pump(from_app, to_client, For::Client, leave), Some(HALF_CLOSED));
    let late = async {
        leave.cancelled().await;
        tokio::time::sleep(CLOSE_TIMEOUT).await;
    };
    tokio::select! {
        carried = carried => carried,
        () = late => Ok(()),
    }
}

/// One direction. The other's close frame, after ours, is the answer to it and not passed on.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    end: For,
    leave: &CancellationToken,
) -> Result<(), Broken> {
    let mut frames = Frames::default();
    let mut buffer = vec![0; TUNNEL_BUFFER];
    loop {
        let length = tokio::select! {
            length = from.read(&mut buffer) => length.map_err(Broken::From)?,
            () = leave.cancelled(), if frames.at_boundary() => break,
        };
        if length == 0 {
            return to.shutdown().await.map_err(Broken::To);
        }
        let boundary = frames.pass(&buffer[..length]);
        let leaves_at = boundary.filter(|_| leave.is_cancelled());
        to.write_all(&buffer[..leaves_at.unwrap_or(length)]).await.map_err(Broken::To)?;
        to.flush().await.map_err(Broken::To)?;
        if leaves_at.is_some() {
            break;
        }
    }
    if !frames.closed() {
        to.write_all(&end.going_away()).await.map_err(Broken::To)?;
        to.flush().await.map_err(Broken::To)?;
        while !frames.closed() {
            match from.read(&mut buffer).await.map_err(Broken::From)? {
                0 => break,
                length => drop(frames.pass(&buffer[..length])),
            }
        }
    }
    to.shutdown().await.map_err(Broken::To)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An unmasked text frame.
    fn text(text: &str) -> Vec<u8> {
        [&[0x81, text.len() as u8], text.as_bytes()].concat()
    }

    #[tokio::test]
    async fn a_frame_that_has_begun_is_whole_before_the_close() {
        let (client, mut at_client) = tokio::io::duplex(1024);
        let (app, mut at_app) = tokio::io::duplex(1024);
        let leave = CancellationToken::new();
        let end = leave.clone();
        let carried = tokio::spawn(async move { carry(client, app, &end).await });
        let (frame, next) = (text("hello"), text("never"));
        at_app.write_all(&frame[..3]).await.unwrap();
        let mut seen = vec![0; 3];
        at_client.read_exact(&mut seen).await.unwrap();
        leave.cancel();
        at_app.write_all(&[&frame[3..], &next[..4]].concat()).await.unwrap();
        let mut rest = vec![0; frame.len() - 3 + 4];
        at_client.read_exact(&mut rest).await.unwrap();
        assert_eq!([seen, rest].concat(), [frame, For::Client.going_away()].concat());
        // Both answer, and that is the end.
        at_app.write_all(&[&next[4..], &For::Client.going_away()].concat()).await.unwrap();
        at_client.write_all(&For::App.going_away()).await.unwrap();
        carried.await.unwrap().unwrap();
    }
}
