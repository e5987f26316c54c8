//! An app's answer over HTTP/1.1, in pieces of any size: its head, and a body in chunks.
#![no_main]

use bytes::BytesMut;
use http::{HeaderMap, Method};
use libfuzzer_sys::fuzz_target;
use roost_wire::answer::{Chunks, Framing, Head, Piece, has_head};

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let size = usize::from(size).max(1);
    head(bytes, size);
    assert_eq!(chunks(bytes, size), chunks(bytes, bytes.len().max(1)), "however the bytes are cut");
});

/// A head that is found is one, and what is left of the bytes follows it.
fn head(bytes: &[u8], size: usize) {
    let (mut pieces, mut searched) = (BytesMut::new(), 0);
    for piece in bytes.chunks(size) {
        pieces.extend_from_slice(piece);
        if !has_head(&pieces, searched) {
            searched = pieces.len();
            continue;
        }
        let before = pieces.len();
        let Ok(Some(head)) = Head::take(&mut pieces, &Method::GET) else { return };
        assert!(pieces.len() < before && bytes.len() >= pieces.len());
        let mut whole = BytesMut::from(bytes);
        let same = Head::take(&mut whole, &Method::GET).unwrap().unwrap();
        assert_eq!((same.status, same.framing, same.keeps), (head.status, head.framing, head.keeps));
        assert_eq!(same.headers, head.headers);
        assert!(!head.keeps || head.framing != Framing::UntilClose);
        return;
    }
    assert!(!has_head(bytes, 0), "an end of a head is found wherever the bytes are cut");
}

/// All data, the trailers and what follows; `None` for what is no body.
fn chunks(bytes: &[u8], size: usize) -> Option<(Vec<u8>, Option<HeaderMap>, Vec<u8>)> {
    let (mut chunks, mut input) = (Chunks::default(), BytesMut::new());
    let (mut data, mut trailers) = (Vec::new(), None);
    for piece in bytes.chunks(size) {
        input.extend_from_slice(piece);
        while let Some(piece) = chunks.take(&mut input).ok()? {
            match piece {
                Piece::Data(piece) => data.extend_from_slice(&piece),
                Piece::Trailers(fields) => trailers = Some(fields),
            }
        }
    }
    assert_eq!(chunks.ended(), trailers.is_some());
    Some((data, trailers, input.to_vec()))
}
