//! A serde reader over the tree. Besides the value it gives the keys that nobody asked for.

use std::{cell::RefCell, marker::PhantomData, ops::Range};

use serde::{
    Deserialize,
    de::{
        self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
        value::StrDeserializer,
    },
    forward_to_deserialize_any,
};

use super::{
    error::{Place, ReadError, nearest},
    node::{Entry, Node, Value},
};
use crate::forms::ONE_OR_MANY;

/// A key that the structure does not have.
#[derive(Debug)]
pub(crate) struct Unknown {
    pub path: String,
    pub key: String,
    pub span: Range<usize>,
    pub nearest: Option<&'static str>,
}

/// Reads a value of `T` out of the tree.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(root: &Node) -> (Result<T, ReadError>, Vec<Unknown>) {
    let unknown = RefCell::default();
    let reader = Reader { node: root, path: String::new(), unknown: &unknown };
    let result = reader.placed(PhantomData);
    (result, unknown.into_inner())
}

struct Reader<'a> {
    node: &'a Node,
    path: String,
    unknown: &'a RefCell<Vec<Unknown>>,
}

impl<'a> Reader<'a> {
    fn member(&self, node: &'a Node, key: &str) -> Reader<'a> {
        let dot = if self.path.is_empty() { "" } else { "." };
        Reader { node, path: format!("{}{dot}{key}", self.path), unknown: self.unknown }
    }

    /// Reads this value; an error gets its place unless it has one further in.
    fn placed<'de, S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, ReadError> {
        let place = Place { path: self.path.clone(), span: self.node.span.clone() };
        seed.deserialize(self).map_err(|mut error| {
            error.place.get_or_insert(place);
            error
        })
    }

    fn any<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Integer(n) => visitor.visit_i64(*n),
            Value::Float(n) => visitor.visit_f64(*n),
            Value::Text(text) => visitor.visit_str(text),
            Value::List(items) => visitor.visit_seq(Items { reader: self, items, next: 0 }),
            Value::Table(entries) => visitor.visit_map(Members { reader: self, entries, next: 0 }),
        }
    }

    fn note_unknown(&self, entries: &[Entry], known: &'static [&'static str]) {
        let absent: Vec<&'static str> =
            known.iter().copied().filter(|name| entries.iter().all(|e| e.key != *name)).collect();
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            self.unknown.borrow_mut().push(Unknown {
                path: self.path.clone(),
                key: entry.key.clone(),
                span: entry.key_span.clone(),
                nearest: nearest(&entry.key, &absent),
            });
        }
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        if let Value::Table(entries) = &self.node.value {
            self.note_unknown(entries, fields);
        }
        match &self.node.value {
            // A list is no short form of a table.
            Value::List(_) => Err(de::Error::invalid_type(de::Unexpected::Seq, &"a table")),
            _ => self.any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        if name != ONE_OR_MANY {
            return visitor.visit_newtype_struct(self);
        }
        match &self.node.value {
            Value::Table(_) => {
                let items = std::slice::from_ref(self.node);
                visitor.visit_seq(Items { reader: &self, items, next: 0 })
            }
            _ => self.any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match &self.node.value {
            Value::Text(text) => {
                let variant: StrDeserializer<'_, ReadError> = text.as_str().into_deserializer();
                visitor.visit_enum(variant)
            }
            _ => {
                let names = variants.iter().map(|v| format!("\"{v}\"")).collect::<Vec<_>>().join(", ");
                self.any(OneOf { names, value: PhantomData })
            }
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier
    }
}

/// Refuses every value: one of the names was expected.
struct OneOf<T> {
    names: String,
    value: PhantomData<T>,
}

impl<T> Visitor<'_> for OneOf<T> {
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "one of {}", self.names)
    }
}

struct Items<'r, 'a> {
    reader: &'r Reader<'a>,
    items: &'a [Node],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        let Some(item) = self.items.get(self.next) else { return Ok(None) };
        // A list of one that is written as its element has no index.
        let part =
            if std::ptr::eq(item, self.reader.node) { String::new() } else { format!("[{}]", self.next) };
        self.next += 1;
        let path = format!("{}{part}", self.reader.path);
        Reader { node: item, path, unknown: self.reader.unknown }.placed(seed).map(Some)
    }
}

struct Members<'r, 'a> {
    reader: &'r Reader<'a>,
    entries: &'a [Entry],
    next: usize,
}

impl<'de> MapAccess<'de> for Members<'_, '_> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        let Some(entry) = self.entries.get(self.next) else { return Ok(None) };
        let key: StrDeserializer<'_, ReadError> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|mut error| {
            let path = self.reader.member(&entry.value, &entry.key).path;
            error.place.get_or_insert(Place { path, span: entry.key_span.clone() });
            error
        })
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let entry = &self.entries[self.next];
        self.next += 1;
        self.reader.member(&entry.value, &entry.key).placed(seed)
    }
}
