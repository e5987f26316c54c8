//! JSON, by serde_json's raw values: each is a slice of the text, so its place is known.

use std::ops::Range;

use serde::{
    Deserialize,
    de::{self, MapAccess},
};
use serde_json::value::RawValue;

use super::{
    MAX_DEPTH, SyntaxError,
    node::{Entry, Node, Value},
};

pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| {
        let at = offset_of(text, error.line(), error.column());
        SyntaxError { message: plain(&error), span: at..at + 1 }
    })?;
    node(text, raw, 0)
}

/// The error without the place, which is shown otherwise.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (start + column.saturating_sub(1)).min(text.len())
}

/// Where in `text` the slice `part` of it lies.
fn span_of(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - text.as_ptr() as usize;
    start..start + part.len()
}

fn node(text: &str, raw: &RawValue, depth: usize) -> Result<Node, SyntaxError> {
    let source = raw.get();
    let span = span_of(text, source);
    let fail = |message: String| SyntaxError { message, span: span.clone() };
    if depth > MAX_DEPTH {
        return Err(fail(format!("nested deeper than {MAX_DEPTH} levels")));
    }
    let value = match source.as_bytes().first() {
        Some(b'{') => {
            let Object(members) = serde_json::from_str(source).map_err(|e| fail(plain(&e)))?;
            table(text, span.start, members, depth)?
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(source).map_err(|e| fail(plain(&e)))?;
            Value::List(items.into_iter().map(|item| node(text, item, depth + 1)).collect::<Result<_, _>>()?)
        }
        _ => match serde_json::from_str(source).map_err(|e| fail(plain(&e)))? {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(flag) => Value::Bool(flag),
            serde_json::Value::Number(n) => match n.as_i64() {
                Some(n) => Value::Integer(n),
                None => Value::Float(n.as_f64().ok_or_else(|| fail("the number is too large".to_owned()))?),
            },
            serde_json::Value::String(text) => Value::Text(text),
            _ => return Err(fail("unexpected value".to_owned())),
        },
    };
    Ok(Node { value, span })
}

fn table(
    text: &str,
    start: usize,
    members: Vec<(String, &RawValue)>,
    depth: usize,
) -> Result<Value, SyntaxError> {
    let mut entries: Vec<Entry> = Vec::with_capacity(members.len());
    // A key is what stands between the value before it and its own value.
    let mut after = start + 1;
    for (key, raw) in members {
        let value = node(text, raw, depth + 1)?;
        let between = &text[after..value.span.start];
        let key_start = after + between.find('"').unwrap_or(0);
        let key_end = after + between.rfind('"').map_or(0, |at| at + 1);
        after = value.span.end;
        let key_span = key_start..key_end;
        if entries.iter().any(|entry| entry.key == key) {
            return Err(SyntaxError { message: format!("duplicate key `{key}`"), span: key_span });
        }
        entries.push(Entry { key, key_span, value });
    }
    Ok(Value::Table(entries))
}

/// An object's members in the order of the text.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}
