//! One request over HTTP/2, written frame by frame, since no client library would send it.

use std::{io, time::Duration};

use tokio::time::timeout;

use super::{corpus::Case, trial::Taken};
use crate::support::{
    Node,
    frames::{
        DATA, END_HEADERS, END_STREAM, Frames, GOAWAY, HEADERS, RST_STREAM, fields as block, write as frame,
    },
};

/// Of the only request.
const STREAM: u32 = 1;

/// `:status: 400` in the table of RFC 7541, appendix A, as a field of its own.
const STATUS_400: u8 = 0x8c;

const LIMIT: Duration = Duration::from_secs(30);

/// Sends the case's request on a connection of its own, and waits for what becomes of it.
pub async fn send(node: &Node, host: &str, case: &Case) -> Taken {
    let mut frames = Frames::connect(node, host).await;
    let mut bytes = Vec::new();
    request(&mut bytes, host, case);
    let _ = frames.send(&bytes).await;
    let end = timeout(LIMIT, end_of(&mut frames)).await;
    let end = end.unwrap_or_else(|_| panic!("{}: no answer", case.name)).unwrap_or(End::Closed);
    let refused = match end {
        End::Reset | End::GoneAway | End::Closed => true,
        End::Answered(status) => status == STATUS_400,
    };
    Taken { refused, answer: format!("{end:?}") }
}

fn request(bytes: &mut Vec<u8>, host: &str, case: &Case) {
    let head = fields(&case.head, host);
    let ends_with_head = case.data.is_empty() && case.trailers.is_empty();
    frame(bytes, HEADERS, END_HEADERS | if ends_with_head { END_STREAM } else { 0 }, STREAM, &head);
    for (number, data) in case.data.iter().enumerate() {
        let last = number + 1 == case.data.len() && case.trailers.is_empty();
        frame(bytes, DATA, if last { END_STREAM } else { 0 }, STREAM, data.as_bytes());
    }
    if !case.trailers.is_empty() {
        frame(bytes, HEADERS, END_HEADERS | END_STREAM, STREAM, &fields(&case.trailers, host));
    }
}

fn fields(fields: &[(String, String)], host: &str) -> Vec<u8> {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name, value.replace("{host}", host))).collect();
    block(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

#[derive(Debug)]
enum End {
    /// The first byte of the answer's head.
    Answered(u8),
    Reset,
    GoneAway,
    Closed,
}

/// Reads frames until the request has come to its end.
async fn end_of(frames: &mut Frames) -> io::Result<End> {
    let mut status = None;
    loop {
        let frame = frames.next().await?;
        let ours = frame.stream == STREAM;
        match frame.kind {
            GOAWAY => return Ok(End::GoneAway),
            RST_STREAM if ours => return Ok(status.map_or(End::Reset, End::Answered)),
            HEADERS if ours => status = status.or(frame.payload.first().copied()),
            _ => {}
        }
        let ended = ours && matches!(frame.kind, HEADERS | DATA) && frame.flags & END_STREAM != 0;
        if let (true, Some(status)) = (ended, status) {
            return Ok(End::Answered(status));
        }
    }
}
