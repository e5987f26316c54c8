//! Any bytes of one direction of a WebSocket, in pieces of any size.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roost_wire::websocket::{Frames, going_away};

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let mut whole = Frames::default();
    let boundary = whole.pass(bytes);

    let mut pieces = Frames::default();
    let (mut at, mut last) = (0, None);
    for piece in bytes.chunks(usize::from(size).max(1)) {
        if let Some(boundary) = pieces.pass(piece) {
            assert!(boundary <= piece.len());
            last = Some(at + boundary);
        }
        at += piece.len();
    }
    assert_eq!(last, boundary, "the last boundary, however the bytes are cut");
    assert_eq!((pieces.closed(), pieces.at_boundary()), (whole.closed(), whole.at_boundary()));
    assert_eq!(whole.at_boundary(), boundary.unwrap_or(0) == bytes.len());

    // What the edge puts in at a boundary is a frame of its own.
    let mut cut = Frames::default();
    cut.pass(&bytes[..boundary.unwrap_or(0)]);
    let close = going_away((size & 1 == 1).then_some([size; 4]));
    assert_eq!(cut.pass(&close), Some(close.len()));
    assert!(cut.closed() && cut.at_boundary());
});
