//! Durations: text with units, or an integer in the unit that the section counts in.

use std::{fmt, time::Duration};

use roost_model::GoDuration;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

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
