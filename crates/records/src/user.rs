//! People. They have no password: a token says who calls.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Record;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRecord {
    pub email: Email,
    /// Numeric id; never given to another user.
    pub number: u64,
    pub name: String,
    /// Administers the server: may do everything in every org, and makes users.
    #[serde(default)]
    pub administrator: bool,
    pub created_at: Timestamp,
}

impl Record for UserRecord {}

/// An e-mail address, in lower case. It names a user, here and in keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is no e-mail address; write it as name@example.com, in at most 254 letters, digits and ._+-"
)]
pub struct InvalidEmail(String);

/// Longest address that mail can be sent to (RFC 5321).
const MAX_EMAIL: usize = 254;

impl Email {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        let plain = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c))
        };
        match text.split_once('@') {
            Some((name, domain)) if text.len() <= MAX_EMAIL && plain(name) && plain(domain) => {
                Ok(Self(text.to_ascii_lowercase()))
            }
            _ => Err(InvalidEmail(text.chars().take(MAX_EMAIL).collect())),
        }
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Email {
    type Error = InvalidEmail;

    fn try_from(text: String) -> Result<Self, InvalidEmail> {
        text.parse()
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_key_part_however_it_is_written() {
        assert_eq!("Ann.Lee+x@Example.COM".parse::<Email>().unwrap().as_str(), "ann.lee+x@example.com");
        for text in
            ["", "ann", "@b.c", "a@", "a/b@c.d", "a b@c.d", "a@b@c", &format!("{}@b.c", "x".repeat(260))]
        {
            assert!(text.parse::<Email>().is_err(), "{text}");
        }
    }
}
