//! From a query's bytes to an answer's bytes.

use std::{net::IpAddr, sync::Arc};

use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{
        DNSClass, RData, Record, RecordType,
        rdata::{AAAA, TXT},
    },
};
use rand::seq::SliceRandom;
use roost_catalog::Catalog;
use roost_model::MachineAddress;
use tracing::debug;

use crate::{
    forward::{Forwarder, MAX_UDP, Transport},
    lookup::{Found, look_up},
    name,
    quota::Quota,
};

/// Seconds that an internal answer may be kept: machines come and go.
const TTL_SECS: u32 = 5;

/// Bytes of one string in a text record (RFC 1035, section 3.3).
const MAX_STRING: usize = 255;

/// Answers queries of any transport.
#[derive(Clone)]
pub(crate) struct Answerer {
    pub catalog: Catalog,
    pub forwarder: Arc<Forwarder>,
    pub quota: Arc<Quota>,
}

impl Answerer {
    /// The answer to `query`, which came from `source`; `None` to what deserves none: bytes that are
    /// no query, and queries past the asker's quota.
    pub async fn answer(&self, query: &[u8], source: IpAddr, transport: Transport) -> Option<Vec<u8>> {
        let message = Message::from_vec(query).ok()?;
        if message.metadata.message_type != MessageType::Query {
            return None;
        }
        let _place = self.quota.enter(source)?;
        let question = match message.queries.as_slice() {
            [question] if message.metadata.op_code == OpCode::Query => question.clone(),
            _ => return encode(&reply(&message, ResponseCode::NotImp), transport, &message),
        };
        let Some(asker) = machine(source) else {
            debug!(%source, "refused: not a machine");
            return encode(&reply(&message, ResponseCode::Refused), transport, &message);
        };
        let name = question.name().to_ascii().to_ascii_lowercase();
        let name = name.trim_end_matches('.');
        if name::is_own(name) {
            return encode(&self.internal(&message, &question, name, asker), transport, &message);
        }
        match self.forwarder.forward(query, &message, transport).await {
            Some(answer) => Some(answer),
            None => encode(&reply(&message, ResponseCode::ServFail), transport, &message),
        }
    }

    fn internal(&self, message: &Message, question: &Query, name: &str, asker: MachineAddress) -> Message {
        let snapshot = self.catalog.load();
        let found = name::parse(name).and_then(|question| look_up(&question, asker, &snapshot));
        let Some(found) = found.filter(|_| question.query_class() == DNSClass::IN) else {
            return reply(message, ResponseCode::NXDomain);
        };
        let mut answer = reply(message, ResponseCode::NoError);
        for data in records(found, question.query_type()) {
            answer.add_answer(Record::from_rdata(question.name().clone(), TTL_SECS, data));
        }
        answer
    }
}

/// The machine at `source`; the platform's own network has none.
fn machine(source: IpAddr) -> Option<MachineAddress> {
    let IpAddr::V6(source) = source else { return None };
    MachineAddress::of(source).filter(|address| address.network.0 != 0)
}

/// What was found, if it is of the type asked for. Addresses come in random order, so that clients
/// which take the first spread over all.
fn records(found: Found, wanted: RecordType) -> Vec<RData> {
    match (found, wanted) {
        (Found::Addresses(mut addresses), RecordType::AAAA | RecordType::ANY) => {
            addresses.shuffle(&mut rand::rng());
            addresses.into_iter().map(|ip| RData::AAAA(AAAA(ip))).collect()
        }
        (Found::Text(text), RecordType::TXT | RecordType::ANY) => {
            // Only ASCII goes in, so every cut is between characters.
            let strings = text.as_bytes().chunks(MAX_STRING);
            let strings = strings.map(|s| String::from_utf8_lossy(s).into_owned()).collect();
            vec![RData::TXT(TXT::new(strings))]
        }
        _ => Vec::new(),
    }
}

fn reply(query: &Message, code: ResponseCode) -> Message {
    let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
    reply.metadata.response_code = code;
    reply.metadata.recursion_desired = query.metadata.recursion_desired;
    reply.metadata.recursion_available = true;
    reply.metadata.authoritative = matches!(code, ResponseCode::NoError | ResponseCode::NXDomain);
    reply.add_queries(query.queries.iter().cloned());
    if query.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(MAX_UDP);
        reply.set_edns(edns);
    }
    reply
}

/// The bytes, or those of a truncated answer when they are too many for the transport.
fn encode(reply: &Message, transport: Transport, query: &Message) -> Option<Vec<u8>> {
    let bytes = reply.to_vec().ok()?;
    if bytes.len() <= transport.limit(query) { Some(bytes) } else { reply.truncate().to_vec().ok() }
}
