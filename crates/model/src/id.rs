//! Identifiers: each a newtype, so that one cannot be passed for another.

use std::{fmt, str::FromStr, sync::Arc};

use rand::RngCore;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// Why a text is not an identifier of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {kind} \"{value}\": {reason}")]
pub struct InvalidId {
    pub kind: &'static str,
    pub value: String,
    pub reason: &'static str,
}

/// Forms of texts, for their schemas; what is taken is decided by the checks below.
const DNS_LABEL: &str = "^[0-9a-z]([0-9a-z-]{0,61}[0-9a-z])?$";
const ULID: &str = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$";

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $check:path, $pattern:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        text_schema!($name, $pattern);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(s: &str) -> Result<Self, InvalidId> {
                $check(s).map_err(|reason| InvalidId { kind: $kind, value: s.to_owned(), reason })?;
                Ok(Self(s.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(s: String) -> Result<Self, InvalidId> {
                s.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.as_ref().to_owned()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// Name of an app, unique on the platform and a DNS label: `<app>.<base domain>`.
    AppName,
    "app name",
    check_dns_label,
    DNS_LABEL
);
text_id!(
    /// Id of a volume: `vol_` and 16 lower-case letters and digits. Also the serial of its disk in the
    /// guest, which is why it has no more than 20 characters.
    VolumeId,
    "volume id",
    check_volume_id,
    "^vol_[0-9a-z]{16}$"
);
text_id!(
    /// Id of a snapshot of a volume: `vs_` and 16 lower-case letters and digits.
    SnapshotId,
    "snapshot id",
    check_snapshot_id,
    "^vs_[0-9a-z]{16}$"
);
text_id!(
    /// Id of a host: a DNS label.
    HostId,
    "host id",
    check_dns_label,
    DNS_LABEL
);
text_id!(
    /// Code of a region, such as `fra`: 2 to 16 lower-case letters and digits.
    Region,
    "region",
    check_region,
    "^[0-9a-z]{2,16}$"
);

/// Digits of a machine's id.
const MACHINE_ID: usize = 14;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Id of a machine: 14 lower-case hex digits, stable for its life.
// Not a pointer to a text: there are a million of them in a catalog.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MachineId([u8; MACHINE_ID]);

text_schema!(MachineId, "^[0-9a-f]{14}$");

impl FromStr for MachineId {
    type Err = InvalidId;

    fn from_str(s: &str) -> Result<Self, InvalidId> {
        let invalid = |reason| InvalidId { kind: "machine id", value: s.to_owned(), reason };
        check_machine_id(s).map_err(invalid)?;
        s.as_bytes().try_into().map(Self).map_err(|_| invalid("must be 14 lower-case hex digits"))
    }
}

impl TryFrom<String> for MachineId {
    type Error = InvalidId;

    fn try_from(s: String) -> Result<Self, InvalidId> {
        s.parse()
    }
}

impl From<MachineId> for String {
    fn from(id: MachineId) -> String {
        id.as_str().to_owned()
    }
}

impl AsRef<str> for MachineId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for MachineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for MachineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MachineId").field(&self.as_str()).finish()
    }
}

impl MachineId {
    /// Stands where a machine is named and none is meant.
    pub fn none() -> Self {
        Self([b'0'; MACHINE_ID])
    }

    pub fn as_str(&self) -> &str {
        // Hex digits, or it would not have been made.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// A new random id.
    pub fn generate() -> Self {
        let mut bytes = [0u8; 7];
        rand::rng().fill_bytes(&mut bytes);
        let mut digits = [0; MACHINE_ID];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            pair.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        Self(digits)
    }
}

impl VolumeId {
    /// A new random id.
    pub fn generate() -> Self {
        Self(format!("vol_{}", random_word()).into())
    }
}

impl SnapshotId {
    /// A new random id.
    pub fn generate() -> Self {
        Self(format!("vs_{}", random_word()).into())
    }
}

/// Characters of a volume's or a snapshot's id after its prefix: 80 random bits.
const WORD: usize = 16;

fn random_word() -> String {
    // As many as a byte can name evenly.
    const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut bytes = [0u8; WORD];
    rand::rng().fill_bytes(&mut bytes);
    bytes.iter().map(|b| char::from(LETTERS[usize::from(b % 32)])).collect()
}

/// Id of one configuration version of a machine (a ULID; later versions sort later).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InstanceId(pub Ulid);

text_schema!(InstanceId, ULID);

impl InstanceId {
    pub fn generate() -> Self {
        Self(Ulid::generate())
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for InstanceId {
    type Err = InvalidId;

    fn from_str(s: &str) -> Result<Self, InvalidId> {
        s.parse().map(Self).map_err(|_| InvalidId {
            kind: "instance id",
            value: s.to_owned(),
            reason: "it must be a ULID of 26 characters",
        })
    }
}

/// Longest DNS label (RFC 1035, section 2.3.4).
const MAX_LABEL: usize = 63;

fn check_dns_label(s: &str) -> Result<(), &'static str> {
    if s.is_empty() || s.len() > MAX_LABEL {
        return Err("it must have 1 to 63 characters");
    }
    if !s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        return Err("it may hold only lower-case letters, digits and dashes");
    }
    if s.starts_with('-') || s.ends_with('-') {
        return Err("it may not start or end with a dash");
    }
    Ok(())
}

fn check_machine_id(s: &str) -> Result<(), &'static str> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if s.len() == 14 && s.bytes().all(hex) { Ok(()) } else { Err("it must be 14 lower-case hex digits") }
}

fn check_volume_id(s: &str) -> Result<(), &'static str> {
    let fine = s.strip_prefix("vol_").is_some_and(is_word);
    if fine { Ok(()) } else { Err("it must be vol_ and 16 lower-case letters or digits") }
}

fn check_snapshot_id(s: &str) -> Result<(), &'static str> {
    let fine = s.strip_prefix("vs_").is_some_and(is_word);
    if fine { Ok(()) } else { Err("it must be vs_ and 16 lower-case letters or digits") }
}

fn is_word(s: &str) -> bool {
    s.len() == WORD && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn check_region(s: &str) -> Result<(), &'static str> {
    let fine = (2..=16).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if fine { Ok(()) } else { Err("it must be 2 to 16 lower-case letters or digits") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_machine_ids_are_valid() {
        let id = MachineId::generate();
        assert_eq!(id.as_str().parse::<MachineId>(), Ok(id));
    }

    #[test]
    fn an_invalid_app_name_says_why() {
        let error = "My_App".parse::<AppName>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid app name \"My_App\": it may hold only lower-case letters, digits and dashes"
        );
    }
}
