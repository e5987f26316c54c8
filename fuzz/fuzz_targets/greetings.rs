//! Any bytes where a connection begins: a PROXY header, or the first words of a Postgres client.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roost_model::port::ProxyProtocol;
use roost_wire::{
    front::Front,
    postgres::{Greeting, REQUEST_BYTES, Reply},
    proxy_protocol::{self, Ends, Invalid},
};

fuzz_target!(|bytes: &[u8]| {
    proxy(bytes);
    postgres(bytes);
});

fn proxy(bytes: &[u8]) {
    if let Ok(Front::Whole(ends, length)) = stepwise(bytes) {
        assert_eq!(proxy_protocol::read(bytes), Ok(Front::Whole(ends, length)), "the same, all at once");
        for version in [ProxyProtocol::V1, ProxyProtocol::V2] {
            let Some(ends) = ends else { continue };
            let written = proxy_protocol::write(&ends, version);
            assert_eq!(stepwise(&written), Ok(Front::Whole(Some(ends), written.len())));
        }
    }
}

/// As a connection is read: no more than is asked for.
fn stepwise(bytes: &[u8]) -> Result<Front<Option<Ends>>, Invalid> {
    let mut here = 0;
    loop {
        match proxy_protocol::read(&bytes[..here])? {
            Front::Needs(more) if here + more <= bytes.len() => {
                assert!(more > 0);
                here += more;
                assert!(here <= proxy_protocol::LONGEST);
            }
            Front::Whole(ends, length) => {
                assert_eq!(length, here, "nothing that follows is taken");
                return Ok(Front::Whole(ends, length));
            }
            needs => return Ok(needs),
        }
    }
}

fn postgres(bytes: &[u8]) {
    let mut greeting = Greeting::default();
    let mut asked_again = 0;
    let (requests, _) = bytes.as_chunks::<REQUEST_BYTES>();
    for request in requests {
        match greeting.answer(*request) {
            Reply::AskAgain(_) => asked_again += 1,
            Reply::Tls(_) => break,
            Reply::Refused(words) => {
                assert_eq!((words[0], words.last()), (b'E', Some(&0)));
                break;
            }
        }
        assert!(asked_again <= 1, "it goes on for ever");
    }
}
