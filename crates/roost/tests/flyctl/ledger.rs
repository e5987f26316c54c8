//! What became of each command in this run, and whether docs/flyctl.md says the same.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::Write as _,
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/flyctl.md");

/// What the page says of a command during which the api was killed, and of another.
const VISITED: &str = "yes";
const NOT_VISITED: &str = "–";

#[derive(Default)]
struct Entry {
    failed: bool,
    /// Calls by which it changes something: the server was killed in each of them.
    changes: Option<usize>,
}

static LEDGER: Mutex<BTreeMap<String, Entry>> = Mutex::new(BTreeMap::new());

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A command ended as it was to end.
pub fn ran(command: &str) {
    ledger().entry(command.to_owned()).or_default();
    LAST.set(Some(command.to_owned()));
}

pub fn failed(command: &str) {
    ledger().entry(command.to_owned()).or_default().failed = true;
}

/// The last command of this thread was not followed by what had to follow.
pub fn last_failed() {
    if let Some(last) = LAST.take() {
        failed(&last);
    }
}

/// The server was killed in each of so many calls of the command, and all was right in the end.
pub fn interrupted(command: &str, changes: usize) {
    let mut ledger = ledger();
    let entry = ledger.entry(command.to_owned()).or_default();
    entry.changes = Some(entry.changes.unwrap_or_default().max(changes));
}

pub fn print() {
    let ledger = ledger();
    if ledger.is_empty() {
        return;
    }
    let mut text = format!("\nflyctl {}: what became of its commands\n", flyctl_version());
    for (command, Entry { failed, changes }) in &*ledger {
        let verdict = if *failed { "FAIL" } else { "pass" };
        let interrupted = changes.map(|n| format!("the api killed in each of its {n} changes"));
        let _ = writeln!(text, "{verdict}  {command:<28}{}", interrupted.unwrap_or_default());
    }
    let failures = ledger.values().filter(|entry| entry.failed).count();
    let _ = writeln!(text, "{} commands, {failures} failed\n", ledger.len());
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// The rows that the page lacks or has too many.
pub fn differs_from_page() -> Option<String> {
    let page = fs::read_to_string(PAGE).expect("read docs/flyctl.md");
    let works = page.split("\n## ").find(|section| section.starts_with("What works")).expect("the section");
    let listed: Vec<&str> = works.lines().filter(|line| line.starts_with("| `")).collect();
    let found: Vec<String> = ledger().iter().map(|(command, entry)| row(command, entry)).collect();
    let mut difference = String::new();
    for row in found.iter().filter(|row| !listed.iter().any(|line| line.starts_with(row.as_str()))) {
        let _ = writeln!(difference, "missing: {row}");
    }
    for line in listed.iter().filter(|line| !found.iter().any(|row| line.starts_with(row.as_str()))) {
        let _ = writeln!(difference, "not found so: {line}");
    }
    (!difference.is_empty()).then_some(difference)
}

/// A row of the page, but for its remark.
fn row(command: &str, entry: &Entry) -> String {
    let interrupted = if entry.changes.is_some() { VISITED } else { NOT_VISITED };
    format!("| `{command}` | {interrupted} |")
}

fn ledger() -> MutexGuard<'static, BTreeMap<String, Entry>> {
    LEDGER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn flyctl_version() -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../script/flyctl");
    let output = Command::new(script).arg("version").output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
