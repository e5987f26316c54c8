//! Compares two OpenAPI documents: where ours differs from the published one, each difference in a line.

mod schema;

use std::collections::BTreeSet;

use serde_json::Value;

use self::schema::Schemas;

/// Who sends what a schema describes: only then does it matter who requires what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sent {
    ByClient,
    ByServer,
}

pub fn differences(published: &Value, ours: &Value) -> BTreeSet<String> {
    let mut comparison = Comparison { schemas: Schemas::new(published, ours), found: BTreeSet::new() };
    for (name, operation) in operations(published) {
        match find(ours, &name) {
            Some(own) => comparison.operation(&name, operation, own),
            None => comparison.note(format!("{name}: is not there")),
        }
    }
    for (name, _) in operations(ours).filter(|(name, _)| find(published, name).is_none()) {
        comparison.note(format!("{name}: is only here"));
    }
    let Comparison { schemas, mut found } = comparison;
    found.extend(schemas.found);
    found
}

/// Operations by method and path.
pub fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    })
}

fn find<'a>(document: &'a Value, name: &str) -> Option<&'a Value> {
    operations(document).find(|(other, _)| other == name).map(|(_, operation)| operation)
}

struct Comparison<'a> {
    schemas: Schemas<'a>,
    found: BTreeSet<String>,
}

impl<'a> Comparison<'a> {
    fn note(&mut self, difference: String) {
        self.found.insert(difference);
    }

    fn operation(&mut self, name: &str, published: &'a Value, ours: &'a Value) {
        if success(ours).is_none() {
            return self.note(format!("{name}: is refused"));
        }
        self.parameters(name, published, ours);
        self.body(name, &published["requestBody"], &ours["requestBody"]);
        self.answers(name, published, ours);
    }

    fn parameters(&mut self, name: &str, published: &'a Value, ours: &'a Value) {
        let (theirs, own) = (parameters(published), parameters(ours));
        for (key, parameter) in &theirs {
            let Some((_, same)) = own.iter().find(|(other, _)| other == key) else {
                self.note(format!("{name}: {key} is not there"));
                continue;
            };
            match (parameter["required"] == true, same["required"] == true) {
                (true, false) => self.note(format!("{name}: {key} need not be there")),
                (false, true) => self.note(format!("{name}: {key} is required")),
                _ => {}
            }
            self.schemas.compare(
                &parameter["schema"],
                &same["schema"],
                &format!("{name}: {key}"),
                Sent::ByClient,
            );
        }
        for (key, _) in own.iter().filter(|(key, _)| theirs.iter().all(|(other, _)| other != key)) {
            self.note(format!("{name}: {key} is only here"));
        }
    }

    fn body(&mut self, name: &str, published: &'a Value, ours: &'a Value) {
        match (schema_of(published), schema_of(ours)) {
            (Some(theirs), Some(own)) => {
                self.schemas.compare(theirs, own, &format!("{name}: body"), Sent::ByClient)
            }
            (Some(_), None) => self.note(format!("{name}: the body is not there")),
            (None, Some(_)) => self.note(format!("{name}: the body is only here")),
            (None, None) => {}
        }
        if ours["required"] == true && published["required"] != true {
            self.note(format!("{name}: the body is required"));
        }
    }

    fn answers(&mut self, name: &str, published: &'a Value, ours: &'a Value) {
        let statuses = published["responses"].as_object().into_iter().flatten();
        for (status, _) in statuses.filter(|(status, _)| ours["responses"].get(status.as_str()).is_none()) {
            self.note(format!("{name}: does not answer {status}"));
        }
        let (Some((_, theirs)), Some((_, own))) = (success(published), success(ours)) else { return };
        match (schema_of(theirs), schema_of(own)) {
            (Some(theirs), Some(own)) => {
                self.schemas.compare(theirs, own, &format!("{name}: answer"), Sent::ByServer)
            }
            (Some(_), None) => self.note(format!("{name}: the answer has no body")),
            // The published document often leaves the answer out.
            (None, _) => {}
        }
    }
}

/// Where it is and its name; those of the path stand in the path.
fn parameters(operation: &Value) -> Vec<(String, &Value)> {
    let all = operation["parameters"].as_array().into_iter().flatten();
    all.filter(|parameter| parameter["in"] != "path")
        .map(|p| {
            (
                format!(
                    "{} `{}`",
                    p["in"].as_str().unwrap_or_default(),
                    p["name"].as_str().unwrap_or_default()
                ),
                p,
            )
        })
        .collect()
}

fn success(operation: &Value) -> Option<(&String, &Value)> {
    let mut responses = operation["responses"].as_object().into_iter().flatten();
    responses.find(|(status, _)| status.starts_with('2') || status.as_str() == "101")
}

fn schema_of(body: &Value) -> Option<&Value> {
    body["content"].as_object()?.values().next()?.get("schema")
}
