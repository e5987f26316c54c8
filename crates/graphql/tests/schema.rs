//! The schema is a part of the published one: whoever reads ours reads that one too. `published.txt` has
//! its names and types, of the types that ours has: a field or an argument a line.

use std::collections::BTreeMap;

use roost_graphql::Executor;

#[test]
fn every_name_and_type_is_a_published_one() {
    let published: BTreeMap<&str, &str> = include_str!("published.txt").lines().map(fact).collect();
    let sdl = Executor::default().sdl();
    let ours = facts(&sdl);
    assert!(ours.len() > 300, "the schema was read: {} facts", ours.len());
    let differences: Vec<String> = ours
        .iter()
        .filter(|(name, kind)| published.get(name.as_str()).map(|kind| bare(kind)) != Some(bare(kind)))
        .map(|(name, kind)| format!("{name}: {kind}, published {:?}", published.get(name.as_str())))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Name and type; values of an enum have none.
fn fact(line: &str) -> (&str, &str) {
    line.split_once(": ").unwrap_or((line, ""))
}

/// Without what says that it is always there: a promise more or less changes no shape.
fn bare(kind: &str) -> String {
    kind.replace('!', "")
}

/// Fields, arguments and values of a schema in GraphQL's own language, as `async-graphql` writes it: one
/// field a line.
fn facts(sdl: &str) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut current = None;
    let without_descriptions: String = sdl.split("\"\"\"").step_by(2).collect();
    for line in without_descriptions.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("type" | "interface" | "enum" | "input") => current = words.next(),
            Some("}") | None => current = None,
            Some(_) => {
                if let Some(owner) = current {
                    read_field(owner, line, &mut facts);
                }
            }
        }
    }
    facts
}

fn read_field(owner: &str, line: &str, facts: &mut BTreeMap<String, String>) {
    let line = line.split(" @").next().unwrap_or(line);
    let (head, arguments) = match line.split_once('(') {
        Some((name, rest)) => {
            let (arguments, kind) = rest.rsplit_once("): ").expect("arguments end");
            (format!("{name}: {kind}"), arguments)
        }
        None => (line.to_owned(), ""),
    };
    let (name, kind) = fact(&head);
    let kind = kind.split(" = ").next().unwrap_or(kind);
    facts.insert(format!("{owner}.{name}"), kind.to_owned());
    for (argument, kind) in arguments.split(", ").filter(|a| !a.is_empty()).map(fact) {
        facts.insert(format!("{owner}.{name}({argument})"), kind.to_owned());
    }
}
