//! Schemas of both documents, side by side.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use super::Sent;

pub struct Schemas<'a> {
    published: &'a Value,
    ours: &'a Value,
    /// Pairs of names that were compared; schemas lead to themselves.
    seen: HashSet<(String, String, Sent)>,
    pub found: BTreeSet<String>,
}

impl<'a> Schemas<'a> {
    pub fn new(published: &'a Value, ours: &'a Value) -> Self {
        Self { published, ours, seen: HashSet::new(), found: BTreeSet::new() }
    }

    /// `place` is named in differences, unless the published schema has a name of its own.
    pub fn compare(&mut self, published: &Value, ours: &Value, place: &str, sent: Sent) {
        let mut place = place.to_owned();
        if let Some(name) = reference(published) {
            place = name.to_owned();
            let own = reference(ours).unwrap_or_default();
            if !self.seen.insert((name.to_owned(), own.to_owned(), sent)) {
                return;
            }
        }
        let (theirs, own) = (Shape::of(self.published, published), Shape::of(self.ours, ours));
        if let Some(missing) = theirs.types.iter().find(|kind| !own.types.is_empty() && !own.takes(kind)) {
            let own = Vec::from_iter(own.types.iter().map(String::as_str)).join(" or ");
            self.found.insert(format!("{place}: is {own}, not {missing}"));
            return;
        }
        self.values(&theirs, &own, &place);
        if let (Some(theirs), Some(own)) = (&theirs.items, &own.items) {
            self.compare(theirs, own, &format!("{place}[]"), sent);
        }
        if let (Some(theirs), Some(own)) = (&theirs.values, &own.values) {
            self.compare(theirs, own, &format!("{place}.*"), sent);
        }
        self.properties(&theirs, &own, &place, sent);
    }

    fn properties(&mut self, theirs: &Shape, own: &Shape, place: &str, sent: Sent) {
        // An object without properties is any.
        if theirs.properties.is_empty() || (own.properties.is_empty() && own.types.is_empty()) {
            return;
        }
        for (name, schema) in &theirs.properties {
            match own.properties.get(name) {
                Some(same) => self.compare(schema, same, &format!("{place}.{name}"), sent),
                None => drop(self.found.insert(format!("{place}.{name}: is not there"))),
            }
        }
        for name in own.properties.keys().filter(|name| !theirs.properties.contains_key(*name)) {
            self.found.insert(format!("{place}.{name}: is only here"));
        }
        let (more, fewer) = match sent {
            Sent::ByClient => (own.required.difference(&theirs.required), "is required"),
            Sent::ByServer => (theirs.required.difference(&own.required), "may be absent"),
        };
        self.found.extend(more.map(|name| format!("{place}.{name}: {fewer}")));
    }

    fn values(&mut self, theirs: &Shape, own: &Shape, place: &str) {
        if theirs.allowed.is_empty() || own.allowed.is_empty() {
            return;
        }
        let missing =
            theirs.allowed.difference(&own.allowed).map(|value| format!("{place}: has no value `{value}`"));
        let added =
            own.allowed.difference(&theirs.allowed).map(|value| format!("{place}: has the value `{value}`"));
        self.found.extend(missing.chain(added));
    }
}

fn reference(schema: &Value) -> Option<&str> {
    let direct = schema["$ref"].as_str();
    let only = schema["allOf"].as_array().filter(|parts| parts.len() == 1);
    direct.or_else(|| only?[0]["$ref"].as_str())?.rsplit('/').next()
}

/// What a schema allows, as far as it is compared. Everything is empty when it allows anything.
#[derive(Default)]
struct Shape {
    types: BTreeSet<String>,
    properties: BTreeMap<String, Value>,
    required: BTreeSet<String>,
    allowed: BTreeSet<String>,
    items: Option<Value>,
    values: Option<Value>,
}

impl Shape {
    fn of(document: &Value, schema: &Value) -> Self {
        let mut shape = Self::default();
        shape.add(document, schema);
        shape.types.remove("null");
        shape.allowed.remove("null");
        shape
    }

    fn takes(&self, kind: &str) -> bool {
        self.types.contains(kind) || (kind == "number" && self.types.contains("integer"))
    }

    fn add(&mut self, document: &Value, schema: &Value) {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            self.add(document, &document["components"]["schemas"][name]);
        }
        self.types.extend(texts(&schema["type"]));
        self.required.extend(texts(&schema["required"]));
        let constant = schema.get("const").into_iter();
        for value in schema["enum"].as_array().into_iter().flatten().chain(constant) {
            self.types.insert(kind(value).to_owned());
            self.allowed.insert(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
        let properties = schema["properties"].as_object().into_iter().flatten();
        self.properties.extend(properties.map(|(name, schema)| (name.clone(), schema.clone())));
        self.items = self.items.take().or_else(|| schema.get("items").cloned());
        let values = schema.get("additionalProperties").filter(|values| values.is_object());
        self.values = self.values.take().or_else(|| values.cloned());
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.add(document, part);
        }
        self.add_alternatives(document, schema);
    }

    /// One of several: of objects, the first stands for all.
    fn add_alternatives(&mut self, document: &Value, schema: &Value) {
        let branches = ["anyOf", "oneOf"].into_iter().filter_map(|key| schema[key].as_array()).flatten();
        let mut had_object = false;
        for branch in branches {
            let branch = Self::of(document, branch);
            if !branch.properties.is_empty() && std::mem::replace(&mut had_object, true) {
                continue;
            }
            self.types.extend(branch.types);
            self.required.extend(branch.required);
            self.allowed.extend(branch.allowed);
            self.properties.extend(branch.properties);
            self.items = self.items.take().or(branch.items);
            self.values = self.values.take().or(branch.values);
        }
    }
}

fn texts(value: &Value) -> impl Iterator<Item = String> {
    let one = value.as_str().map(str::to_owned);
    let many = value.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned));
    one.into_iter().chain(many)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        _ => "null",
    }
}
