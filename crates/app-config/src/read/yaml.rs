//! YAML, by yaml-rust2's events. One document, no anchors: a configuration needs neither, and
//! aliases can make a small file very large.

use std::ops::Range;

use yaml_rust2::{
    Event,
    parser::Parser,
    scanner::{Marker, TScalarStyle},
};

use super::{
    MAX_DEPTH, SyntaxError,
    node::{Entry, Node, Value},
};

pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut events = Parser::new_from_str(text);
    let mut tree = Tree { text, open: Vec::new(), root: None };
    loop {
        let (event, mark) = events.next_token().map_err(|error| SyntaxError {
            message: error.info().to_owned(),
            span: point(text, error.marker()),
        })?;
        if event == Event::StreamEnd {
            // An empty file is an empty configuration.
            return Ok(tree.root.unwrap_or(Node { value: Value::Table(Vec::new()), span: 0..0 }));
        }
        tree.on(event, &mark)?;
    }
}

/// The byte that a marker stands at. Markers count characters.
fn point(text: &str, mark: &Marker) -> Range<usize> {
    let at = text.char_indices().nth(mark.index()).map_or(text.len(), |(at, _)| at);
    at..at + 1
}

struct Tree<'t> {
    text: &'t str,
    /// Lists and tables that have begun and not ended.
    open: Vec<Open>,
    root: Option<Node>,
}

enum Open {
    List { items: Vec<Node>, start: usize },
    Table { entries: Vec<Entry>, key: Option<(String, Range<usize>)>, start: usize },
}

impl Tree<'_> {
    fn on(&mut self, event: Event, mark: &Marker) -> Result<(), SyntaxError> {
        let span = point(self.text, mark);
        let fail = |message: &str| Err(SyntaxError { message: message.to_owned(), span: span.clone() });
        match event {
            Event::Alias(_) => return fail("aliases (`*name`) are not supported here"),
            Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) if self.root.is_some() => {
                return fail("a second document; a configuration is one document");
            }
            Event::SequenceStart(..) | Event::MappingStart(..) if self.open.len() == MAX_DEPTH => {
                return fail(&format!("nested deeper than {MAX_DEPTH} levels"));
            }
            Event::Scalar(text, style, ..) => {
                let span = scalar_span(self.text, span.start, &text, style);
                return self.scalar(text, style, span);
            }
            Event::SequenceStart(..) => self.open.push(Open::List { items: Vec::new(), start: span.start }),
            Event::MappingStart(..) => {
                self.open.push(Open::Table { entries: Vec::new(), key: None, start: span.start });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (value, start) = match self.open.pop() {
                    Some(Open::List { items, start }) => (Value::List(items), start),
                    Some(Open::Table { entries, start, .. }) => (Value::Table(entries), start),
                    None => return fail("the end of what never began"),
                };
                return self.place(Node { value, span: start..span.start.max(start) });
            }
            _ => {}
        }
        Ok(())
    }

    /// A key when a table waits for one, else a value.
    fn scalar(&mut self, text: String, style: TScalarStyle, span: Range<usize>) -> Result<(), SyntaxError> {
        if let Some(Open::Table { entries, key: key @ None, .. }) = self.open.last_mut() {
            if entries.iter().any(|entry| entry.key == text) {
                return Err(SyntaxError { message: format!("duplicate key `{text}`"), span });
            }
            *key = Some((text, span));
            return Ok(());
        }
        let value = if style == TScalarStyle::Plain { plain(text) } else { Value::Text(text) };
        self.place(Node { value, span })
    }

    fn place(&mut self, node: Node) -> Result<(), SyntaxError> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Table { entries, key, .. }) => {
                let Some((key, key_span)) = key.take() else {
                    return Err(SyntaxError {
                        message: "a key must be a plain name".to_owned(),
                        span: node.span,
                    });
                };
                entries.push(Entry { key, key_span, value: node });
            }
        }
        Ok(())
    }
}

/// Unquoted scalars by YAML 1.2's core schema, without octal and hexadecimal numbers.
fn plain(text: String) -> Value {
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(n), _) => Value::Integer(n),
        (_, Ok(n)) if numeric && n.is_finite() => Value::Float(n),
        _ => Value::Text(text),
    }
}

/// Where a scalar is written: its events tell only its start.
fn scalar_span(source: &str, start: usize, value: &str, style: TScalarStyle) -> Range<usize> {
    let rest = &source[start.min(source.len())..];
    let written = match style {
        TScalarStyle::Plain if rest.starts_with(value) => value.len(),
        TScalarStyle::SingleQuoted | TScalarStyle::DoubleQuoted => {
            let quote = rest.chars().next().unwrap_or('"');
            rest.char_indices().skip(1).find(|(_, c)| *c == quote).map_or(1, |(at, _)| at + 1)
        }
        _ => rest.lines().next().map_or(1, str::len),
    };
    start..start + written
}
