//! Names of signals, as configurations and the API write them.

use std::str::FromStr;

use nix::sys::signal::Signal;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown signal \"{0}\"; write a name such as SIGINT or SIGTERM, or a number from 1 to 31")]
pub struct UnknownSignal(String);

/// The number of `SIGTERM`, `TERM`, `term` or `15`.
pub fn number(text: &str) -> Result<i32, UnknownSignal> {
    let unknown = || UnknownSignal(text.to_owned());
    if let Ok(number) = text.parse::<i32>() {
        return Signal::try_from(number).map(|s| s as i32).map_err(|_| unknown());
    }
    let upper = text.to_ascii_uppercase();
    let name = if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") };
    Signal::from_str(&name).map(|s| s as i32).map_err(|_| unknown())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_understood() {
        for text in ["SIGTERM", "term", "15"] {
            assert_eq!(number(text), Ok(15), "{text}");
        }
        assert!(number("SIGNOPE").is_err());
        assert!(number("0").is_err());
        assert!(number("99").is_err());
    }
}
