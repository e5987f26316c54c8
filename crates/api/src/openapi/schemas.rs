//! The schemas of the document.
//!
//! What a body may hold and what an answer does hold differ for one and the same type: a key with a default is
//! not required of who sends it, and always there for who reads it. So there are two collections, and a type
//! that differs stands in the document twice: as `Guest`, and as `GuestInput` where it is read.

use std::collections::BTreeSet;

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// Where references of either collection lead until the document is complete.
const READ: &str = "#/read/";
const WRITTEN: &str = "#/components/schemas/";

pub struct Schemas {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

impl Default for Schemas {
    fn default() -> Self {
        let at = |path: &'static str| {
            SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = path.into())
        };
        Self {
            read: at("/read").into_generator(),
            written: at("/components/schemas").for_serialize().into_generator(),
        }
    }
}

impl Schemas {
    /// Of what the server reads.
    pub fn read<T: JsonSchema>(&mut self) -> Value {
        self.read.subschema_for::<T>().to_value()
    }

    pub fn requires_keys<T: JsonSchema>(&mut self) -> bool {
        strings(&T::json_schema(&mut self.read).to_value()["required"]).next().is_some()
    }

    /// Of what the server writes.
    pub fn written<T: JsonSchema>(&mut self) -> Value {
        self.written.subschema_for::<T>().to_value()
    }

    /// The keys of a type as parameters of a query.
    pub fn query<T: JsonSchema>(&mut self) -> Vec<Value> {
        let schema = T::json_schema(&mut self.read).to_value();
        let required: Vec<&str> = strings(&schema["required"]).collect();
        let properties = schema["properties"].as_object().into_iter().flatten();
        properties
            .map(|(name, schema)| {
                let mut schema = without_null(schema.clone());
                let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
                let mut parameter = json!({ "name": name, "in": "query", "schema": schema });
                if let Some(description) = description {
                    parameter["description"] = description;
                }
                if required.contains(&name.as_str()) {
                    parameter["required"] = json!(true);
                }
                parameter
            })
            .collect()
    }

    /// Puts both collections into the document, under one roof.
    pub fn finish(mut self, document: &mut Value) {
        let mut schemas = self.written.take_definitions(true);
        let read = self.read.take_definitions(true);
        let twice = different(&read, &schemas);
        for (name, mut schema) in read {
            rename(&mut schema, &twice);
            schemas.insert(if twice.contains(&name) { format!("{name}Input") } else { name }, schema);
        }
        document["components"]["schemas"] = Value::Object(schemas);
        rename(document, &twice);
    }
}

/// Names in both collections whose schemas, or those that they lead to, are not the same.
fn different(read: &Map<String, Value>, written: &Map<String, Value>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    loop {
        let differs = |(name, schema): &(&String, &Value)| {
            let mut schema = (*schema).clone();
            rename(&mut schema, &names);
            !names.contains(*name) && written.get(*name).is_some_and(|written| *written != schema)
        };
        let more: Vec<String> = read.iter().filter(differs).map(|(name, _)| name.clone()).collect();
        if more.is_empty() {
            return names;
        }
        names.extend(more);
    }
}

/// Points what leads into the collection of what is read to where it is in the document.
fn rename(value: &mut Value, twice: &BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get_mut("$ref")
                && let Some(name) = reference.strip_prefix(READ)
            {
                let suffix = if twice.contains(name) { "Input" } else { "" };
                *reference = format!("{WRITTEN}{name}{suffix}");
            }
            map.values_mut().for_each(|value| rename(value, twice));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| rename(value, twice)),
        _ => {}
    }
}

/// A parameter is there or not; it is never null.
fn without_null(mut schema: Value) -> Value {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [one] = &types[..] {
            schema["type"] = one.clone();
        }
    }
    if let Some(Value::Array(branches)) = schema.get("anyOf") {
        let mut left = branches.iter().filter(|branch| branch["type"] != "null");
        if let (Some(Value::Object(one)), None) = (left.next().cloned(), left.next()) {
            let map = schema.as_object_mut().expect("has anyOf");
            map.remove("anyOf");
            map.extend(one);
        }
    }
    schema
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}
