//! The lenient forms of values: a table for a list of one, numbers for texts, units for sizes.

use std::{collections::BTreeMap, fmt, marker::PhantomData, str::FromStr, time::Duration};

use roost_model::GoDuration;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Name under which a reader is told that a list may be given as its only element.
pub(crate) const ONE_OR_MANY: &str = "roost::OneOrMany";

/// A list, or one table in the place of a list of one.
pub(crate) fn one_or_many<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Visitor<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table or a list of tables")
        }
        fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Vec<T>, D::Error> {
            inner.deserialize_any(self)
        }
        fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Vec<T>, A::Error> {
            Vec::deserialize(de::value::SeqAccessDeserializer::new(seq))
        }
        fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Vec<T>, A::Error> {
            T::deserialize(de::value::MapAccessDeserializer::new(map)).map(|one| vec![one])
        }
    }
    deserializer.deserialize_newtype_struct(ONE_OR_MANY, Visitor(PhantomData))
}

/// A scalar of any kind, as text: `PORT = 8080` in `[env]` means `"8080"`.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a number or a boolean")
            }
            fn visit_str<E: de::Error>(self, v: &str) -> Result<Text, E> {
                Ok(Text(v.to_owned()))
            }
            fn visit_bool<E: de::Error>(self, v: bool) -> Result<Text, E> {
                Ok(Text(v.to_string()))
            }
            fn visit_i64<E: de::Error>(self, v: i64) -> Result<Text, E> {
                Ok(Text(v.to_string()))
            }
            fn visit_u64<E: de::Error>(self, v: u64) -> Result<Text, E> {
                Ok(Text(v.to_string()))
            }
            fn visit_f64<E: de::Error>(self, v: f64) -> Result<Text, E> {
                Ok(Text(v.to_string()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A table of texts; numbers and booleans become texts.
pub(crate) fn text_map<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<String, String>, D::Error> {
    let map = BTreeMap::<String, Text>::deserialize(d)?;
    Ok(map.into_iter().map(|(key, Text(value))| (key, value)).collect())
}

/// Words of a command: a list, or one text split as a shell splits it.
pub(crate) fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Visitor;
    impl<'de> de::Visitor<'de> for Visitor {
        type Value = Vec<String>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of words, or a command line")
        }
        fn visit_str<E: de::Error>(self, line: &str) -> Result<Vec<String>, E> {
            crate::machine::split_words(line).map_err(E::custom)
        }
        fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Vec<String>, A::Error> {
            Vec::deserialize(de::value::SeqAccessDeserializer::new(seq))
        }
    }
    deserializer.deserialize_any(Visitor)
}

macro_rules! duration_form {
    ($(#[$doc:meta])* $name:ident, $from_integer:path, $expecting:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
        pub struct $name(pub Duration);

        impl $name {
            /// Reads a duration with units, or an integer in this form's own unit.
            pub fn from_text(text: &str) -> Result<Self, String> {
                match text.parse::<u64>() {
                    Ok(n) => Ok(Self($from_integer(n))),
                    Err(_) => text.parse::<GoDuration>().map(|d| Self(d.0)).map_err(|e| e.to_string()),
                }
            }
        }

        impl From<$name> for GoDuration {
            fn from(value: $name) -> GoDuration {
                GoDuration(value.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                GoDuration(self.0).fmt(f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
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
                        $name::from_text(text).map_err(E::custom)
                    }
                    fn visit_i64<E: de::Error>(self, n: i64) -> Result<$name, E> {
                        match u64::try_from(n) {
                            Ok(n) => self.visit_u64(n),
                            Err(_) => Err(E::invalid_value(de::Unexpected::Signed(n), &self)),
                        }
                    }
                    fn visit_u64<E: de::Error>(self, n: u64) -> Result<$name, E> {
                        Ok($name($from_integer(n)))
                    }
                }
                deserializer.deserialize_any(Visitor)
            }
        }
    };
}

duration_form!(
    /// A duration whose bare integers are seconds.
    Seconds,
    Duration::from_secs,
    "a duration such as \"10s\", or a number of seconds"
);
duration_form!(
    /// A duration whose bare integers are milliseconds.
    Millis,
    Duration::from_millis,
    "a duration such as \"10s\", or a number of milliseconds"
);

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
