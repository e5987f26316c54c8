//! Any bytes as a request for one of a machine's files: the same however little of it is there at once, and a path and
//! a range that name nothing else.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roost_init::statics::request::{MAX_HEAD, Unread, decoded, parse};
use roost_model::statics::covers;

fuzz_target!(|input: (u64, &[u8])| {
    let (size, bytes) = input;
    let Ok((request, length)) = parse(bytes) else { return };
    assert!(length <= bytes.len());
    assert_eq!(parse(&bytes[..length]), Ok((parse(bytes).expect("as before").0, length)));
    for cut in (0..length).step_by(length / 64 + 1) {
        assert_eq!(parse(&bytes[..cut]), Err(Unread::Partial), "{cut} bytes of {length}");
    }
    if let Some(range) = request.range.and_then(|range| range.of(size)) {
        assert!(range.start < range.end && range.end <= size, "{range:?} of {size}");
    }
    if let Some(path) = decoded(&request.path) {
        assert!(path.starts_with(b"/") && path.len() <= MAX_HEAD.max(bytes.len()) && !path.contains(&0));
    }
    assert!(covers("/", &request.path) && !request.path.contains(['?', '#']));
});
