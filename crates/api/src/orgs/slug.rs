//! From an org's name to its slug.

use roost_model::AppName;

use crate::error::{ApiError, Result};

/// Longest name for people.
const MAX_NAME: usize = 100;

/// Lower-case letters, digits and single dashes: a DNS label, like an app's name.
pub fn of_name(name: &str) -> Result<String> {
    if name.trim().is_empty() || name.chars().count() > MAX_NAME {
        return Err(ApiError::invalid(format!("an organization's name has 1 to {MAX_NAME} characters")));
    }
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let slug = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
    match slug.parse::<AppName>() {
        Ok(slug) => Ok(slug.to_string()),
        Err(error) => Err(ApiError::invalid(format!(
            "no slug can be made of the name \"{}\": {}; use letters and digits",
            name.trim(),
            error.reason
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_labels() {
        assert_eq!(of_name(" Acme, Inc. ").unwrap(), "acme-inc");
        for name in ["", "  ", "!!!", &"x".repeat(101)] {
            assert!(of_name(name).is_err(), "{name}");
        }
    }
}
