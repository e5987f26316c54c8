//! From a query's bytes to an answer's bytes.

use std::{net::IpAddr, sync::Arc};

use hickory_proto::{
    op::{Message, Query, ResponseCode},
    rr::{DNSClass, RData, Record, RecordType, rdata::AAAA},
};
use rand::seq::SliceRandom;
use roost_catalog::Catalog;
use roost_model::MachineAddress;
use roost_wire::dns::{self, Transport, encode, name, reply};
use tracing::debug;

use crate::{
    forward::Forwarder,
    lookup::{Found, look_up},
    quota::Quota,
};

/// Seconds that an internal answer may be kept: machines come and go.
const TTL_SECS: u32 = 5;

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
        let message = dns::query(query)?;
        let _place = self.quota.enter(source)?;
        let Some(question) = dns::question(&message) else {
            return encode(&reply(&message, ResponseCode::NotImp), transport, &message);
        };
        let Some(asker) = machine(source) else {
            debug!(%source, "refused: not a machine");
            return encode(&reply(&message, ResponseCode::Refused), transport, &message);
        };
        let name = dns::asked_name(question);
        if name::is_own(&name) {
            return encode(&self.internal(&message, question, &name, asker), transport, &message);
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
        (Found::Text(text), RecordType::TXT | RecordType::ANY) => vec![RData::TXT(dns::text(&text))],
        _ => Vec::new(),
    }
}
