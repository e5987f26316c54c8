//! Any text as an app's page of metrics: each line of what is made of it is a sample of that app, and reads as it was
//! written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roost_wire::exposition::{Labels, read, write};

const OURS: &str = "app=\"a\",region=\"r\",host=\"h\",instance=\"i\"";

fuzz_target!(|text: &str| {
    let page = page(text);
    for line in page.lines() {
        if let Some(about) = line.strip_prefix("# ") {
            assert!(about.starts_with("HELP ") || about.starts_with("TYPE "), "{line}");
            continue;
        }
        let (name, labelled) = line.split_once('{').expect("a sample has labels");
        let own = labelled.strip_prefix(OURS).expect("the labels are ours");
        let alone = format!("{name}{{{}", own.strip_prefix(',').unwrap_or(own));
        assert_eq!(self::page(&alone), format!("{line}\n"), "read again, without our labels");
    }
    let lines = text.lines().count();
    assert!(page.lines().count() <= lines && page.len() <= 2 * text.len() + lines * 128);
});

fn page(text: &str) -> String {
    write(read(text, &Labels::of(["a", "r", "h", "i"])).iter())
}
