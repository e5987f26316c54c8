//! Scalars of the schema that GraphQL itself does not have.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use jiff::Timestamp;

/// A moment, as RFC 3339 writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Iso8601DateTime(pub Timestamp);

#[Scalar(name = "ISO8601DateTime", specified_by_url = "https://tools.ietf.org/html/rfc3339")]
impl ScalarType for Iso8601DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        Ok(Self(text.parse()?))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A whole number of any size: a text of digits, because clients read it as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BigInt(pub u64);

#[Scalar]
impl ScalarType for BigInt {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => Ok(Self(text.parse()?)),
            Value::Number(number) if number.is_u64() => Ok(Self(number.as_u64().unwrap_or_default())),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A number as GraphQL's `Int`, which has 32 bits. Numbers that count up from 1 do not reach its end.
pub fn int(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
