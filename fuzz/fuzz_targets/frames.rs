//! Any bytes on the channel between host and guest, whole and in two pieces; and any value in a whole frame.
#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use roost_guest_api::{
    GuestMessage, HostMessage,
    channel::{MAX_TO_GUEST, MAX_TO_HOST},
    frame::{self, Decoder, Frame, FrameError},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

const SESSION: u64 = 7;

fuzz_target!(|bytes: &[u8]| {
    stream(bytes);
    // Random bytes would never hit a frame's checksum.
    if let Ok(message) = serde_json::from_slice::<Value>(bytes)
        && let Ok(frame) = frame::encode(SESSION, &message, MAX_TO_GUEST)
    {
        assert_eq!(frames(&[&frame], MAX_TO_GUEST), [Ok(Frame { session: SESSION, message })]);
        stream(&frame);
    }
});

fn stream(bytes: &[u8]) {
    alike::<GuestMessage>(bytes, MAX_TO_HOST);
    alike::<HostMessage>(bytes, MAX_TO_GUEST);
}

fn alike<M: DeserializeOwned + Debug>(bytes: &[u8], limit: usize) {
    let (front, back) = bytes.split_at(bytes.len() / 2);
    let texts = |pieces: &[&[u8]]| format!("{:?}", frames::<M>(pieces, limit));
    assert_eq!(texts(&[bytes]), texts(&[front, back]), "however the bytes are cut");
}

fn frames<M: DeserializeOwned>(pieces: &[&[u8]], limit: usize) -> Vec<Result<Frame<M>, FrameError>> {
    let (mut decoder, mut frames) = (Decoder::new(limit), Vec::new());
    pieces.iter().for_each(|piece| decoder.push(piece, |frame| frames.push(frame)));
    frames
}
