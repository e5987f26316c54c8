//! Any bytes on the channel between host and guest, in two pieces; and any value in a whole frame.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roost_guest_api::{
    GuestMessage, HostMessage,
    channel::{MAX_TO_GUEST, MAX_TO_HOST},
    frame::{self, Decoder},
};

fuzz_target!(|bytes: &[u8]| {
    stream(bytes);
    // Random bytes would never hit a frame's checksum.
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes)
        && let Ok(frame) = frame::encode(7, &value, MAX_TO_GUEST)
    {
        stream(&frame);
    }
});

fn stream(bytes: &[u8]) {
    let middle = bytes.len() / 2;
    let mut host = Decoder::new(MAX_TO_HOST);
    let mut guest = Decoder::new(MAX_TO_GUEST);
    for piece in [&bytes[..middle], &bytes[middle..]] {
        host.push::<GuestMessage>(piece, |frame| drop(frame.map_err(|error| error.to_string())));
        guest.push::<HostMessage>(piece, |frame| drop(frame.map_err(|error| error.to_string())));
    }
}
