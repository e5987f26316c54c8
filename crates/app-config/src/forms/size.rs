//! Sizes: text with units, or an integer in the unit that the section counts in.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Bytes in each unit that a size may be written with, longest names first.
const UNITS: [(&str, u64); 12] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1 << 10),
    ("mb", 1 << 20),
    ("gb", 1 << 30),
    ("tb", 1 << 40),
    ("k", 1 << 10),
    ("m", 1 << 20),
    ("g", 1 << 30),
    ("t", 1 << 40),
];

/// Reads `1gb`, `512 MB`, `2GiB`, or a bare integer in units of `unit` bytes. Units are powers of
/// 1024, as the platform's sizes are. The answer is in units of `unit`.
fn parse_size(text: &str, unit: u64) -> Result<u32, String> {
    let wrong = || format!("invalid size \"{text}\"; write a number and a unit, such as 512mb or 1gb");
    let lower = text.trim().to_ascii_lowercase();
    let (digits, scale) = UNITS
        .iter()
        .find_map(|(name, scale)| lower.strip_suffix(name).map(|digits| (digits, *scale)))
        .unwrap_or((&lower, unit));
    let number = u64::from_str(digits.trim()).map_err(|_| wrong())?;
    let bytes = number.checked_mul(scale).ok_or_else(wrong)?;
    if bytes % unit != 0 {
        return Err(format!("invalid size \"{text}\": it must be a whole number of {}", unit_name(unit)));
    }
    u32::try_from(bytes / unit).map_err(|_| wrong())
}

fn unit_name(unit: u64) -> &'static str {
    if unit == 1 << 30 { "gigabytes" } else { "megabytes" }
}

macro_rules! size_form {
    ($(#[$doc:meta])* $name:ident, $bytes:expr, $suffix:literal, $expecting:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
        pub struct $name(pub u32);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&format_args!("{}{}", self.0, $suffix))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        parse_size(text, $bytes).map($name).map_err(E::custom)
                    }
                    fn visit_i64<E: de::Error>(self, n: i64) -> Result<$name, E> {
                        match u32::try_from(n) {
                            Ok(n) => Ok($name(n)),
                            Err(_) => Err(E::invalid_value(de::Unexpected::Signed(n), &self)),
                        }
                    }
                    fn visit_u64<E: de::Error>(self, n: u64) -> Result<$name, E> {
                        match u32::try_from(n) {
                            Ok(n) => Ok($name(n)),
                            Err(_) => Err(E::invalid_value(de::Unexpected::Unsigned(n), &self)),
                        }
                    }
                }
                deserializer.deserialize_any(Visitor)
            }
        }
    };
}

size_form!(
    /// A size whose bare integers are megabytes.
    Megabytes,
    1 << 20,
    "mb",
    "a size such as \"512mb\" or \"2gb\", or a number of megabytes"
);
size_form!(
    /// A size whose bare integers are gigabytes.
    Gigabytes,
    1 << 30,
    "gb",
    "a size such as \"10gb\", or a number of gigabytes"
);
