//! Any bytes as a query to the resolver: what is answered fits, and answers this very query.
#![no_main]

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{RData, Record},
};
use libfuzzer_sys::fuzz_target;
use roost_wire::dns::{self, Transport, name};

/// More than either transport takes.
const LONG: usize = 70_000;

fuzz_target!(|bytes: &[u8]| {
    let Some(query) = dns::query(bytes) else { return };
    let question = dns::question(&query);
    if let Some(question) = question {
        let name = dns::asked_name(question);
        assert!(
            name::parse(&name).is_none() || name::is_own(&name),
            "what is understood is never asked of others"
        );
    }
    for code in [ResponseCode::NotImp, ResponseCode::Refused, ResponseCode::NXDomain, ResponseCode::ServFail]
    {
        check(&dns::reply(&query, code), &query);
    }
    if let Some(question) = question {
        for length in [1, 300, LONG] {
            let mut answer = dns::reply(&query, ResponseCode::NoError);
            let text = RData::TXT(dns::text(&"x".repeat(length)));
            answer.add_answer(Record::from_rdata(question.name().clone(), 5, text));
            check(&answer, &query);
        }
    }
});

fn check(answer: &Message, query: &Message) {
    for transport in [Transport::Udp, Transport::Tcp] {
        let Some(bytes) = dns::encode(answer, transport, query) else { continue };
        assert!(bytes.len() <= transport.limit(query), "{} bytes over {transport:?}", bytes.len());
        let read = Message::from_vec(&bytes).expect("what was written is read");
        assert_eq!(read.metadata.id, query.metadata.id);
        assert!(dns::query(&bytes).is_none(), "an answer is no query: two resolvers would go on for ever");
        if dns::question(query).is_some() {
            assert!(dns::answers(&bytes, &query.metadata.id.to_be_bytes(), query));
        }
    }
}
