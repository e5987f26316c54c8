//! One request over HTTP/2, written frame by frame (RFC 9113, section 4), since no client library would send it.

use std::{io, sync::Arc, time::Duration};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{corpus::Case, trial::Taken};
use crate::support::{Node, tls::trusting_anyone};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Of the only request.
const STREAM: u32 = 1;

/// `:status: 400` in the table of RFC 7541, appendix A, as a field of its own.
const STATUS_400: u8 = 0x8c;

const LIMIT: Duration = Duration::from_secs(30);

/// Sends the case's request on a connection of its own, and waits for what becomes of it.
pub async fn send(node: &Node, host: &str, case: &Case) -> Taken {
    let (mut config, _) = trusting_anyone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(node.tls_address).await.unwrap();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let mut bytes = PREFACE.to_vec();
    frame(&mut bytes, SETTINGS, 0, 0, &[]);
    request(&mut bytes, host, case);
    let _ = stream.write_all(&bytes).await;
    let end = timeout(LIMIT, end_of(&mut stream)).await;
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

fn frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    bytes.extend_from_slice(&length[1..]);
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
}

/// Literal fields without indexing, with new names (RFC 7541, section 6.2.2).
fn fields(fields: &[(String, String)], host: &str) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        text(&mut block, name);
        text(&mut block, &value.replace("{host}", host));
    }
    block
}

fn text(block: &mut Vec<u8>, text: &str) {
    let length = u8::try_from(text.len()).ok().filter(|length| *length < 127);
    block.push(length.expect("texts of cases are short"));
    block.extend_from_slice(text.as_bytes());
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
async fn end_of(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<End> {
    let mut status = None;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let [a, b, c, kind, flags, id @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        stream.read_exact(&mut payload).await?;
        let ours = u32::from_be_bytes(id) == STREAM;
        match kind {
            GOAWAY => return Ok(End::GoneAway),
            RST_STREAM if ours => return Ok(status.map_or(End::Reset, End::Answered)),
            HEADERS if ours => status = status.or(payload.first().copied()),
            _ => {}
        }
        let ended = ours && matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0;
        if let (true, Some(status)) = (ended, status) {
            return Ok(End::Answered(status));
        }
    }
}
