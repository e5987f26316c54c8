//! DNS: what a query asks for, and the bytes of its answer (RFC 1035).

pub mod name;

use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::rdata::TXT,
};

/// Largest answer over UDP to a client that says nothing of its size (RFC 1035), and to any
/// (the usual bound against fragments).
const PLAIN_UDP: u16 = 512;
pub const MAX_UDP: u16 = 1232;

/// Bytes of one string in a text record (RFC 1035, section 3.3).
const MAX_STRING: usize = 255;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
}

impl Transport {
    /// Most bytes of an answer to `query`.
    pub fn limit(self, query: &Message) -> usize {
        match self {
            Self::Tcp => u16::MAX.into(),
            Self::Udp => {
                let said = query.edns.as_ref().map_or(PLAIN_UDP, |edns| edns.max_payload());
                said.clamp(PLAIN_UDP, MAX_UDP).into()
            }
        }
    }
}

/// Reads a query; `None` where the bytes are none.
pub fn query(bytes: &[u8]) -> Option<Message> {
    Message::from_vec(bytes).ok().filter(|message| message.metadata.message_type == MessageType::Query)
}

/// The one question of a query.
pub fn question(query: &Message) -> Option<&Query> {
    match query.queries.as_slice() {
        [question] if query.metadata.op_code == OpCode::Query => Some(question),
        _ => None,
    }
}

/// The name that is asked for, in lower case and without the last dot.
pub fn asked_name(question: &Query) -> String {
    let name = question.name().to_ascii().to_ascii_lowercase();
    name.strip_suffix('.').unwrap_or(&name).to_owned()
}

/// An answer without records.
pub fn reply(query: &Message, code: ResponseCode) -> Message {
    let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
    reply.metadata.response_code = code;
    reply.metadata.recursion_desired = query.metadata.recursion_desired;
    reply.metadata.recursion_available = true;
    reply.metadata.authoritative = matches!(code, ResponseCode::NoError | ResponseCode::NXDomain);
    // Of several questions none is repeated: they could be too many for the answer.
    reply.add_queries(question(query).cloned());
    if query.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(MAX_UDP);
        reply.set_edns(edns);
    }
    reply
}

/// Text as a record. Only ASCII goes in, so every cut is between characters.
pub fn text(text: &str) -> TXT {
    let strings = text.as_bytes().chunks(MAX_STRING);
    TXT::new(strings.map(|s| String::from_utf8_lossy(s).into_owned()).collect())
}

/// The bytes, or those of a truncated answer when they are too many for the transport.
pub fn encode(reply: &Message, transport: Transport, query: &Message) -> Option<Vec<u8>> {
    let limit = transport.limit(query);
    let bytes = reply.to_vec().ok()?;
    if bytes.len() <= limit { Some(bytes) } else { reply.truncate().to_vec().ok() }
}

/// Whether `bytes` answer this very query, of which `query` are the bytes as they were sent.
pub fn answers(bytes: &[u8], query: &[u8], message: &Message) -> bool {
    bytes.get(..2) == query.get(..2)
        && Message::from_vec(bytes).is_ok_and(|answer| {
            answer.metadata.message_type == MessageType::Response && answer.queries == message.queries
        })
}
