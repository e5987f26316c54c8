//! A value with its place in the text.

use std::ops::Range;

/// A value and the bytes that it was written with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub value: Value,
    pub span: Range<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    /// In the order of the text.
    Table(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub key: String,
    pub key_span: Range<usize>,
    pub value: Node,
}

impl Node {
    /// The place of the value at a path such as `services[0].internal_port`; for a path that goes
    /// further than the text does, the place of the last part that is there.
    pub fn locate(&self, path: &str) -> Range<usize> {
        let mut node = self;
        let mut found = 0..0;
        for part in path.split(['.', '[']).filter(|p| !p.is_empty()) {
            let next = match &node.value {
                Value::Table(entries) => entries.iter().find(|e| e.key == part).map(|e| {
                    // A table's own text is its whole body: its name is the better place.
                    let is_leaf = !matches!(e.value.value, Value::Table(_) | Value::List(_));
                    (&e.value, if is_leaf { e.value.span.clone() } else { e.key_span.clone() })
                }),
                Value::List(items) => {
                    let index = part.strip_suffix(']').and_then(|n| n.parse::<usize>().ok());
                    index.and_then(|n| items.get(n)).map(|item| (item, item.span.clone()))
                }
                _ => None,
            };
            // A list of one may be written as its only element.
            let Some((child, span)) = next else {
                if part == "0]" {
                    continue;
                }
                break;
            };
            (node, found) = (child, span);
        }
        found
    }
}
