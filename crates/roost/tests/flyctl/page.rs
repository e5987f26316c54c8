//! docs/flyctl.md lists exactly the commands that these files run.

use std::{collections::BTreeSet, fs, path::Path};

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/flyctl");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/flyctl.md");

#[test]
fn the_page_lists_what_is_tested() {
    let (listed, tested) = (listed(), tested());
    let missing: Vec<_> = tested.difference(&listed).collect();
    assert!(missing.is_empty(), "docs/flyctl.md has no line for {missing:?}");
    let untested: Vec<_> = listed.difference(&tested).collect();
    assert!(untested.is_empty(), "docs/flyctl.md says that these work, and no test runs them: {untested:?}");
}

/// First cells of the table below `## What works`.
fn listed() -> BTreeSet<String> {
    let page = fs::read_to_string(PAGE).expect("read docs/flyctl.md");
    let works = page.split("\n## ").find(|section| section.starts_with("What works")).expect("the section");
    let rows = works.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    rows.map(str::to_owned).collect()
}

/// First arguments of the calls that run flyctl.
fn tested() -> BTreeSet<String> {
    let files = fs::read_dir(TESTS).expect("list the tests").map(|entry| entry.expect("an entry").path());
    files.filter(|path| !path.ends_with("page.rs")).flat_map(|path| calls(&path)).collect()
}

fn calls(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("read a test");
    let methods = ["run", "json", "refused", "run_with_input", "output", "visit"];
    let mut found = Vec::new();
    for method in methods {
        let call = format!(".{method}(");
        // The argument may stand on a line of its own.
        let calls = text.split(&call).skip(1).map(str::trim_start);
        found.extend(calls.filter_map(|rest| rest.strip_prefix('"')?.split('"').next().map(str::to_owned)));
    }
    found
}
