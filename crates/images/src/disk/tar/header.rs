//! One 512-byte header block.

use super::TarError;

pub const BLOCK: usize = 512;

/// A block whose checksum was right.
pub struct Header<'a> {
    block: &'a [u8; BLOCK],
    /// Where the block is in the stream, for messages.
    offset: u64,
}

impl<'a> Header<'a> {
    pub fn parse(block: &'a [u8; BLOCK], offset: u64) -> Result<Self, TarError> {
        let header = Self { block, offset };
        let stated = header.number(148..156, "checksum")?;
        let is_own_field = |i: usize| (148..156).contains(&i);
        let byte = |(i, b): (usize, &u8)| if is_own_field(i) { b' ' } else { *b };
        let unsigned: u64 = block.iter().enumerate().map(|x| u64::from(byte(x))).sum();
        // Some old programs summed signed bytes.
        let signed: i64 = block.iter().enumerate().map(|x| i64::from(byte(x) as i8)).sum();
        if stated == unsigned || i64::try_from(stated) == Ok(signed) {
            Ok(header)
        } else {
            Err(TarError::Checksum(offset))
        }
    }

    pub fn type_flag(&self) -> u8 {
        self.block[156]
    }

    /// The name, with ustar's prefix before it.
    pub fn path(&self) -> Vec<u8> {
        let name = until_nul(&self.block[..100]);
        let is_ustar = &self.block[257..263] == b"ustar\0";
        let is_star = &self.block[508..512] == b"tar\0";
        let prefix = match (is_ustar, is_star) {
            (true, false) => until_nul(&self.block[345..500]),
            (true, true) => until_nul(&self.block[345..476]),
            // GNU keeps times there.
            (false, _) => &[],
        };
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }

    pub fn link(&self) -> Vec<u8> {
        until_nul(&self.block[157..257]).to_vec()
    }

    pub fn mode(&self) -> Result<u16, TarError> {
        Ok((self.number(100..108, "mode")? & 0o7777) as u16)
    }

    pub fn uid(&self) -> Result<u64, TarError> {
        self.number(108..116, "user id")
    }

    pub fn gid(&self) -> Result<u64, TarError> {
        self.number(116..124, "group id")
    }

    pub fn size(&self) -> Result<u64, TarError> {
        self.number(124..136, "size")
    }

    pub fn mtime(&self) -> Result<i64, TarError> {
        self.signed(136..148, "time")
    }

    pub fn device(&self) -> Result<(u64, u64), TarError> {
        Ok((self.number(329..337, "device number")?, self.number(337..345, "device number")?))
    }

    fn number(&self, field: std::ops::Range<usize>, name: &'static str) -> Result<u64, TarError> {
        let value = self.signed(field, name)?;
        u64::try_from(value).map_err(|_| TarError::Number { field: name, offset: self.offset })
    }

    fn signed(&self, field: std::ops::Range<usize>, name: &'static str) -> Result<i64, TarError> {
        let bytes = &self.block[field];
        let value = if bytes[0] & 0x80 != 0 { base256(bytes) } else { octal(bytes) };
        value.ok_or(TarError::Number { field: name, offset: self.offset })
    }
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&b| b == 0).next().unwrap_or_default()
}

/// Octal digits between spaces and NULs; an empty field is 0.
fn octal(bytes: &[u8]) -> Option<i64> {
    let digits = bytes.trim_ascii_start();
    let end = digits.iter().position(|&b| b == 0 || b == b' ').unwrap_or(digits.len());
    digits[..end].iter().try_fold(0i64, |value, &b| {
        let digit = (b'0'..=b'7').contains(&b).then(|| i64::from(b - b'0'))?;
        value.checked_mul(8)?.checked_add(digit)
    })
}

/// GNU's big-endian two's complement, marked by the first bit, which is not part of the number; the
/// second one is its sign.
fn base256(bytes: &[u8]) -> Option<i64> {
    let negative = bytes[0] & 0x40 != 0;
    let first = if negative { bytes[0] } else { bytes[0] & 0x7f };
    let start = if negative { -1 } else { 0 };
    let mut digits = std::iter::once(first).chain(bytes[1..].iter().copied());
    digits.try_fold(start, |value: i64, b| value.checked_mul(256).map(|value| value | i64::from(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_binary() {
        assert_eq!(octal(b"0000644\0"), Some(0o644));
        assert_eq!(octal(b"   644 \0"), Some(0o644));
        assert_eq!(octal(b"\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(octal(b"00008\0\0\0"), None);
        assert_eq!(base256(&[0x80, 0, 0, 0, 0, 0, 1, 0]), Some(256));
        assert_eq!(base256(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]), Some(-2));
        assert_eq!(base256(&[0x80, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
