//! The two tasks of a connection.

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
};

use super::deliver::Delivery;
use crate::frame::Decoder;

pub const READ_BUFFER: usize = 64 << 10;

/// Starts both. When one ends the other does, and the last event says why.
pub fn spawn(
    receiving: impl AsyncRead + Send + Unpin + 'static,
    sending: impl AsyncWrite + Send + Unpin + 'static,
    queue: mpsc::Receiver<Vec<u8>>,
    session: u64,
    decoder: Decoder,
    mut delivery: Delivery,
) {
    tokio::spawn(async move {
        let reason = tokio::select! {
            reason = write(sending, queue) => reason,
            reason = read(receiving, session, decoder, &mut delivery) => reason,
        };
        delivery.close(reason);
    });
}

async fn write(mut sending: impl AsyncWrite + Unpin, mut queue: mpsc::Receiver<Vec<u8>>) -> String {
    while let Some(bytes) = queue.recv().await {
        if let Err(error) = sending.write_all(&bytes).await {
            return format!("writing to the guest failed: {error}");
        }
    }
    "the host closed the connection".to_owned()
}

async fn read(
    mut receiving: impl AsyncRead + Unpin,
    session: u64,
    mut decoder: Decoder,
    delivery: &mut Delivery,
) -> String {
    let mut buffer = vec![0; READ_BUFFER];
    while delivery.is_open() {
        let read = match receiving.read(&mut buffer).await {
            Ok(0) => return "the guest's end of the channel closed".to_owned(),
            Ok(read) => read,
            Err(error) => return format!("reading from the guest failed: {error}"),
        };
        decoder.push(&buffer[..read], |frame| match frame {
            Ok(frame) if frame.session == session => delivery.deliver(frame.message),
            // Of an earlier session, torn by a reconnect, or of a newer protocol: not for us.
            _ => {}
        });
    }
    delivery.end_reason()
}
