//! TOML, by the toml crate's spanned tables.

use toml::de::{DeTable, DeValue};

use super::{
    SyntaxError,
    node::{Entry, Node, Value},
};

pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let root = DeTable::parse(text).map_err(|error| SyntaxError {
        message: error.message().to_owned(),
        span: error.span().unwrap_or(0..0),
    })?;
    let span = root.span();
    Ok(Node { value: table(root.get_ref())?, span })
}

fn table(table: &DeTable<'_>) -> Result<Value, SyntaxError> {
    let mut entries = table
        .iter()
        .map(|(key, value)| {
            let node = Node { value: convert(value.get_ref(), value.span())?, span: value.span() };
            Ok(Entry { key: key.get_ref().to_string(), key_span: key.span(), value: node })
        })
        .collect::<Result<Vec<_>, SyntaxError>>()?;
    entries.sort_by_key(|entry| entry.key_span.start);
    Ok(Value::Table(entries))
}

fn convert(value: &DeValue<'_>, span: std::ops::Range<usize>) -> Result<Value, SyntaxError> {
    let number =
        |text: &str| SyntaxError { message: format!("the number {text} is too large"), span: span.clone() };
    Ok(match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(n) => {
            Value::Integer(i64::from_str_radix(n.as_str(), n.radix()).map_err(|_| number(n.as_str()))?)
        }
        DeValue::Float(n) => Value::Float(n.as_str().parse().map_err(|_| number(n.as_str()))?),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Datetime(time) => Value::Text(time.to_string()),
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| Ok(Node { value: convert(item.get_ref(), item.span())?, span: item.span() }))
                .collect::<Result<_, SyntaxError>>()?,
        ),
        DeValue::Table(entries) => table(entries)?,
    })
}
