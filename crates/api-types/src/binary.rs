//! Bytes in JSON.

use std::{borrow::Cow, fmt};

use base64::{Engine, prelude::BASE64_STANDARD};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Written as base64, as clients expect; read from base64 or from a list of numbers.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Binary(pub Vec<u8>);

impl Serialize for Binary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl JsonSchema for Binary {
    fn schema_name() -> Cow<'static, str> {
        "Binary".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let text = json_schema!({ "type": "string", "contentEncoding": "base64" });
        match generator.contract().is_serialize() {
            true => text,
            false => json_schema!({ "anyOf": [
                text,
                { "type": "array", "items": { "type": "integer", "minimum": 0, "maximum": 255 } },
                { "type": "null" },
            ] }),
        }
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected base64, or a list of numbers from 0 to 255")]
        enum Form {
            Text(String),
            Numbers(Vec<u8>),
        }
        match Option::<Form>::deserialize(deserializer)? {
            None => Ok(Self::default()),
            Some(Form::Numbers(bytes)) => Ok(Self(bytes)),
            Some(Form::Text(text)) => BASE64_STANDARD.decode(text).map(Self).map_err(D::Error::custom),
        }
    }
}

/// May be secret: only its length is told.
impl fmt::Debug for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Binary({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_base64_is_written() {
        let read = |json: &str| serde_json::from_str::<Binary>(json).map(|binary| binary.0);
        assert_eq!(read("\"AQL/\"").unwrap(), [1, 2, 255]);
        assert_eq!(read("[1, 2, 255]").unwrap(), [1, 2, 255]);
        assert!(read("null").unwrap().is_empty());
        assert!(read("[256]").is_err() && read("\"?\"").is_err() && read("1").is_err());
        assert_eq!(serde_json::to_string(&Binary(vec![1, 2, 255])).unwrap(), "\"AQL/\"");
    }
}
