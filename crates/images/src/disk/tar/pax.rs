//! PAX extension records: `<length> <key>=<value>\n`, for the entry that follows.

use super::{TarError, Time, Xattr};

/// What the extension headers before an entry said.
#[derive(Debug, Default)]
pub struct Extensions {
    pub path: Option<Vec<u8>>,
    pub link: Option<Vec<u8>>,
    pub size: Option<u64>,
    pub uid: Option<u64>,
    pub gid: Option<u64>,
    pub mtime: Option<Time>,
    pub xattrs: Vec<Xattr>,
    /// The content is GNU's map of a sparse file, which is not supported.
    pub sparse: bool,
}

const XATTR: &[u8] = b"SCHILY.xattr.";
const SPARSE: &[u8] = b"GNU.sparse.";

impl Extensions {
    /// Takes up every record of one PAX header. Unknown keys are passed over.
    pub fn read_records(&mut self, mut rest: &[u8]) -> Result<(), TarError> {
        while !rest.is_empty() {
            let (key, value, after) = record(rest)?;
            self.take(key, value)?;
            rest = after;
        }
        Ok(())
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), TarError> {
        match key {
            b"path" => self.path = Some(text(value)?),
            b"linkpath" => self.link = Some(text(value)?),
            b"size" => self.size = Some(number(value)?),
            b"uid" => self.uid = Some(number(value)?),
            b"gid" => self.gid = Some(number(value)?),
            b"mtime" => self.mtime = Some(time(value).ok_or(TarError::Pax("mtime"))?),
            _ if key.starts_with(SPARSE) => self.sparse = true,
            _ => {
                if let Some(name) = key.strip_prefix(XATTR) {
                    self.xattrs.retain(|(other, _)| **other != *name);
                    self.xattrs.push((name.into(), value.into()));
                }
            }
        }
        Ok(())
    }
}

/// Key and value of the first record, and what follows it.
type Record<'a> = (&'a [u8], &'a [u8], &'a [u8]);

fn record(bytes: &[u8]) -> Result<Record<'_>, TarError> {
    let malformed = TarError::Pax;
    let space = bytes.iter().take(20).position(|&b| b == b' ').ok_or(malformed("no length"))?;
    let length = usize::try_from(number(&bytes[..space])?).map_err(|_| malformed("length"))?;
    if length > bytes.len() || length < space + 2 || bytes[length - 1] != b'\n' {
        return Err(malformed("length"));
    }
    let body = &bytes[space + 1..length - 1];
    let equals = body.iter().position(|&b| b == b'=').ok_or(malformed("no ="))?;
    if equals == 0 {
        return Err(malformed("no key"));
    }
    Ok((&body[..equals], &body[equals + 1..], &bytes[length..]))
}

fn text(value: &[u8]) -> Result<Vec<u8>, TarError> {
    if value.contains(&0) { Err(TarError::Pax("a name with a NUL")) } else { Ok(value.to_vec()) }
}

fn number(value: &[u8]) -> Result<u64, TarError> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).ok().filter(|_| digits);
    text.and_then(|text| text.parse().ok()).ok_or(TarError::Pax("number"))
}

/// `[-]seconds[.fraction]`; digits below the nanosecond are cut.
fn time(value: &[u8]) -> Option<Time> {
    let text = std::str::from_utf8(value).ok()?;
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if ![whole, fraction].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    let seconds: i64 = whole.parse().ok()?;
    let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    let nanos: u32 = digits.parse().ok()?;
    Some(match (negative, nanos) {
        (false, nanos) => Time { seconds, nanos },
        (true, 0) => Time { seconds: -seconds, nanos: 0 },
        (true, nanos) => Time { seconds: -seconds - 1, nanos: 1_000_000_000 - nanos },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_and_damage_is_named() {
        let mut extensions = Extensions::default();
        extensions
            .read_records(b"12 path=a/b\n27 SCHILY.xattr.user.x=\x00\x01=\n18 mtime=-1.25000\n")
            .unwrap();
        assert_eq!(extensions.path.as_deref(), Some(&b"a/b"[..]));
        assert_eq!(extensions.xattrs, [(b"user.x"[..].into(), b"\x00\x01="[..].into())]);
        assert_eq!(extensions.mtime, Some(Time { seconds: -2, nanos: 750_000_000 }));
        for bad in [
            &b"path=a\n"[..],
            b"99 path=a\n",
            b"9 path=a\nx",
            b"5 a=b",
            b"18446744073709551616 a=b\n",
            b"0 \n",
        ] {
            assert!(Extensions::default().read_records(bad).is_err(), "{}", bad.escape_ascii());
        }
    }
}
