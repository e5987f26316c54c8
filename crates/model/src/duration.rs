//! Durations as the Machines API writes them: Go's text form (`1m30s`), or an integer of nanoseconds.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A duration that reads and writes Go's text form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GoDuration(pub Duration);

/// The text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid duration \"{0}\"; write a number and a unit, such as 500ms, 10s or 1m30s")]
pub struct InvalidDuration(String);

const UNITS: [(&str, f64); 7] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];

/// Longest duration that is accepted: 100 years, well inside what counts nanoseconds.
const MAX_NANOS: f64 = 100.0 * 365.0 * 24.0 * 3600e9;

impl FromStr for GoDuration {
    type Err = InvalidDuration;

    fn from_str(text: &str) -> Result<Self, InvalidDuration> {
        let invalid = || InvalidDuration(text.to_owned());
        if text == "0" {
            return Ok(Self::default());
        }
        let (mut rest, mut nanos) = (text, 0.0);
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(invalid)?;
            let number: f64 = rest[..digits].parse().map_err(|_| invalid())?;
            rest = &rest[digits..];
            let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
            let (_, scale) = UNITS.iter().find(|(unit, _)| *unit == &rest[..end]).ok_or_else(invalid)?;
            nanos += number * scale;
            rest = &rest[end..];
        }
        if text.is_empty() || nanos > MAX_NANOS {
            return Err(invalid());
        }
        Ok(Self(Duration::from_nanos(nanos.round() as u64)))
    }
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        if nanos < 1_000_000_000 {
            return if nanos.is_multiple_of(1_000_000) {
                if nanos == 0 { f.write_str("0s") } else { write!(f, "{}ms", nanos / 1_000_000) }
            } else {
                write!(f, "{nanos}ns")
            };
        }
        let (total, fraction) = (self.0.as_secs(), self.0.subsec_nanos());
        let (hours, minutes, seconds) = (total / 3600, total / 60 % 60, total % 60);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if hours > 0 || minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        if fraction == 0 {
            write!(f, "{seconds}s")
        } else {
            let digits = format!("{fraction:09}");
            write!(f, "{seconds}.{}s", digits.trim_end_matches('0'))
        }
    }
}

impl Serialize for GoDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for GoDuration {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        const TEXT: &str = "^(0|([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$";
        let description = "A duration such as `1m30s`; an integer is of nanoseconds.";
        match generator.contract().is_serialize() {
            true => json_schema!({ "type": "string", "pattern": TEXT }),
            false => json_schema!({
                "type": ["string", "integer"], "pattern": TEXT, "minimum": 0, "description": description
            }),
        }
    }
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Nanos(u64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Nanos(n) => Ok(Self(Duration::from_nanos(n))),
            Form::Text(text) => text.parse().map_err(de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_texts_round_trip() {
        for text in ["0s", "500ms", "10s", "1m30s", "2h0m0s", "1.5s"] {
            assert_eq!(text.parse::<GoDuration>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "10", "s", "5 s", "-1s", "1y", "9999999h", "1..5s"] {
            assert!(text.parse::<GoDuration>().is_err(), "{text}");
        }
    }
}
