//! The first words: asks until the guest answers in our session.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
    time::Instant,
};

use super::{
    GuestError,
    client::{GuestClient, GuestEvent, GuestHello},
    deliver::{Delivery, EVENT_ROOM, Waiting},
    tasks,
};
use crate::{
    GuestMessage, HostMessage, PROTOCOL,
    channel::{MAX_TO_GUEST, MAX_TO_HOST},
    frame::{self, Decoder},
};

/// Time between two `Hello`s. A guest may have missed the first: it had no port yet, or was in the middle
/// of restarting. Their bytes wait in the stream meanwhile, so they must stay few.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// Messages that may wait for the guest to read: enough for a burst, few enough that a guest that does
/// not read holds little of the host's memory.
const OUTGOING_ROOM: usize = 32;

pub async fn connect(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    session: u64,
    acked_log: u64,
) -> Result<(GuestClient, GuestHello, mpsc::Receiver<GuestEvent>), GuestError> {
    let (mut receiving, mut sending) = tokio::io::split(stream);
    let waiting = Arc::new(Waiting::default());
    let (events, event_stream) = mpsc::channel(EVENT_ROOM);
    let mut delivery = Delivery::new(events, waiting.clone());
    let mut decoder = Decoder::new(MAX_TO_HOST);
    let mut buffer = vec![0; tasks::READ_BUFFER];
    let mut ask_at = Instant::now();

    let hello = loop {
        let read = tokio::select! {
            () = tokio::time::sleep_until(ask_at) => {
                sending.write_all(&hello(session, acked_log)?).await?;
                ask_at = Instant::now() + ASK_AGAIN;
                continue;
            }
            read = receiving.read(&mut buffer) => read?,
        };
        if read == 0 {
            return Err(GuestError::Closed);
        }
        let mut answer = None;
        decoder.push(&buffer[..read], |frame| match frame {
            Ok(frame) if frame.session == session => match frame.message {
                GuestMessage::Hello { protocol, kernel, phase, .. } if answer.is_none() => {
                    answer = Some((protocol, GuestHello { kernel, phase }));
                }
                // What follows the answer in the same piece of the stream.
                message => delivery.deliver(message),
            },
            _ => {}
        });
        match answer {
            Some((PROTOCOL, hello)) => break hello,
            Some((guest, _)) => return Err(GuestError::Protocol { guest }),
            None => {}
        }
    };

    let (outgoing, queue) = mpsc::channel(OUTGOING_ROOM);
    tasks::spawn(receiving, sending, queue, session, decoder, delivery);
    Ok((GuestClient::new(session, outgoing, waiting), hello, event_stream))
}

fn hello(session: u64, acked_log: u64) -> Result<Vec<u8>, GuestError> {
    let hello = HostMessage::Hello { session, protocol: PROTOCOL, unix_ns: unix_ns(), acked_log };
    frame::encode(session, &hello, MAX_TO_GUEST).map_err(GuestError::Message)
}

fn unix_ns() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
