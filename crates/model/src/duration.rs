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

/// Nanoseconds of each unit.
const UNITS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Longest duration that is accepted: 100 years, well inside what counts nanoseconds.
const MAX_NANOS: u64 = 100 * 365 * 24 * 3_600_000_000_000;

/// Digits after a point that count: those of an hour beyond them are no nanosecond.
const FRACTION_DIGITS: usize = 15;

impl FromStr for GoDuration {
    type Err = InvalidDuration;

    fn from_str(text: &str) -> Result<Self, InvalidDuration> {
        let nanos = if text == "0" { Some(0) } else { nanos(text) };
        nanos.and_then(Self::of_nanos).ok_or_else(|| InvalidDuration(text.to_owned()))
    }
}

impl GoDuration {
    fn of_nanos(nanos: u64) -> Option<Self> {
        (nanos <= MAX_NANOS).then_some(Self(Duration::from_nanos(nanos)))
    }
}

/// The sum of numbers with units.
fn nanos(text: &str) -> Option<u64> {
    let (mut rest, mut sum) = (text, None);
    while !rest.is_empty() {
        let (number, behind) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let end = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
        sum = Some(sum.unwrap_or(0u64).checked_add(scaled(number, *scale)?)?);
        rest = behind;
    }
    sum
}

/// A decimal number times `scale`, in whole numbers: what is written is read exactly.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let fraction = &fraction[..fraction.len().min(FRACTION_DIGITS)];
    let digits = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u64>().ok() };
    let one = 10u128.pow(fraction.len() as u32);
    let part = (u128::from(digits(fraction)?) * u128::from(scale) + one / 2) / one;
    digits(whole)?.checked_mul(scale)?.checked_add(u64::try_from(part).ok()?)
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
            Form::Nanos(n) => Self::of_nanos(n)
                .ok_or_else(|| de::Error::custom(format_args!("a duration of {n} ns is over 100 years"))),
            Form::Text(text) => text.parse().map_err(de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_texts_round_trip() {
        for text in
            ["0s", "500ms", "10s", "1m30s", "2h0m0s", "1.5s", "876000h0m0s", "875999h59m59.999999999s"]
        {
            assert_eq!(text.parse::<GoDuration>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_stored_is_read_again() {
        for (json, stored) in [("1500000000", "1.5s"), ("\"0.5h\"", "30m0s"), ("\".1ms\"", "100000ns")] {
            let duration: GoDuration = serde_json::from_str(json).unwrap();
            assert_eq!(duration.to_string(), stored);
            assert_eq!(stored.parse(), Ok(duration));
        }
        serde_json::from_str::<GoDuration>("18446744073709551615").unwrap_err();
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "10", "s", "5 s", "-1s", "1y", "9999999h", "1..5s", ".s", "876000h0m0.000000001s"] {
            assert!(text.parse::<GoDuration>().is_err(), "{text}");
        }
    }
}
