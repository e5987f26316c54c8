//! The first words of a Postgres connection: the client asks for TLS, and is told to go on with it.
//!
//! Source: PostgreSQL's documentation, "Message Flow" (SSLRequest, GSSENCRequest). A client that goes on without
//! TLS is refused in Postgres's own words: its password would cross the network readable.

use std::io::{self, ErrorKind};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::limits::HANDSHAKE_TIMEOUT;

/// Length and code of the requests (they hold nothing else).
const REQUEST_BYTES: u32 = 8;
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;

/// Reads up to where TLS begins.
pub(crate) async fn begin_tls(stream: &mut TcpStream) -> io::Result<()> {
    timeout(HANDSHAKE_TIMEOUT, asked_for_tls(stream)).await?
}

async fn asked_for_tls(stream: &mut TcpStream) -> io::Result<()> {
    // A client may ask for GSS first; it asks for TLS when that is declined.
    for _ in 0..2 {
        let length = stream.read_u32().await?;
        let code = stream.read_u32().await?;
        match (length, code) {
            (REQUEST_BYTES, SSL_REQUEST) => return stream.write_all(b"S").await,
            (REQUEST_BYTES, GSS_REQUEST) => stream.write_all(b"N").await?,
            _ => break,
        }
    }
    stream.write_all(&refusal()).await?;
    stream.shutdown().await?;
    Err(io::Error::new(ErrorKind::InvalidData, "a Postgres client did not ask for TLS"))
}

/// An ErrorResponse: severity, SQLSTATE, message.
fn refusal() -> Vec<u8> {
    const FIELDS: &[u8] =
        b"SFATAL\0VFATAL\0C28000\0Mthis port speaks TLS only; connect with sslmode=require\0\0";
    let length = u32::try_from(FIELDS.len() + 4).unwrap_or_default();
    [b"E", &length.to_be_bytes()[..], FIELDS].concat()
}
