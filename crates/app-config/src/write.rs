//! Writing a configuration, as `launch` does.

use crate::AppConfig;

impl AppConfig {
    /// The configuration as TOML, scalars first, a blank line before each section.
    pub fn to_toml(&self) -> String {
        // Every value of these types has a TOML form: string keys, no nulls, integers below 2^63.
        toml::to_string_pretty(self).unwrap_or_default()
    }
}
