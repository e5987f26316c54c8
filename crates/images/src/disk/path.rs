//! Names in a layer: cleaned, or refused when they point out of the image.

/// Longest path; Linux's `PATH_MAX` less the NUL.
const MAX_PATH: usize = 4095;

/// Longest component of a path, on every Linux file system.
const MAX_NAME: usize = 255;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PathError {
    #[error("it leads out of the image with \"..\"")]
    Escapes,
    #[error("it is an absolute path; paths in a layer are relative to the image's root")]
    Absolute,
    #[error("it is longer than {MAX_PATH} bytes, or one of its names longer than {MAX_NAME}")]
    TooLong,
    #[error("it holds a NUL byte")]
    Nul,
}

/// `./a//b/` becomes `a/b`; the root becomes the empty path.
pub fn clean(path: &[u8]) -> Result<Vec<u8>, PathError> {
    if path.starts_with(b"/") {
        return Err(PathError::Absolute);
    }
    if path.contains(&0) {
        return Err(PathError::Nul);
    }
    let mut clean = Vec::with_capacity(path.len());
    for name in path.split(|&b| b == b'/') {
        match name {
            b"" | b"." => continue,
            b".." => return Err(PathError::Escapes),
            _ if name.len() > MAX_NAME => return Err(PathError::TooLong),
            _ => {}
        }
        if !clean.is_empty() {
            clean.push(b'/');
        }
        clean.extend_from_slice(name);
    }
    if clean.len() > MAX_PATH { Err(PathError::TooLong) } else { Ok(clean) }
}

/// What an entry's name asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The entry itself is at this path.
    Entry(Vec<u8>),
    /// Lower layers have nothing at this path.
    Whiteout(Vec<u8>),
    /// Lower layers have nothing in this directory.
    Opaque(Vec<u8>),
    /// Book-keeping of the old aufs driver.
    Ignored,
}

/// Tells whiteouts from files (OCI image specification, "Layers", "Whiteouts").
pub fn meaning(path: Vec<u8>) -> Meaning {
    let slash = path.iter().rposition(|&b| b == b'/');
    let (parent, name) = match slash {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&[][..], &path[..]),
    };
    if name == b".wh..wh..opq" {
        return Meaning::Opaque(parent.to_vec());
    }
    if path.starts_with(b".wh..wh.") || name.starts_with(b".wh..wh.") {
        return Meaning::Ignored;
    }
    match name.strip_prefix(b".wh.") {
        None => Meaning::Entry(path),
        Some(b"" | b"." | b"..") => Meaning::Ignored,
        Some(hidden) if parent.is_empty() => Meaning::Whiteout(hidden.to_vec()),
        Some(hidden) => Meaning::Whiteout([parent, b"/", hidden].concat()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_or_refused() {
        assert_eq!(clean(b"./a//b/./c/").unwrap(), b"a/b/c");
        assert_eq!(clean(b"./").unwrap(), b"");
        assert_eq!(clean(b"/etc/passwd"), Err(PathError::Absolute));
        for path in [&b".."[..], b"a/../b", b"a/..", b"./../a"] {
            assert_eq!(clean(path), Err(PathError::Escapes));
        }
        assert_eq!(clean(b"a\0b"), Err(PathError::Nul));
        assert_eq!(clean(&[b'a'; 256]), Err(PathError::TooLong));
        assert_eq!(clean(&b"abc/".repeat(1025)), Err(PathError::TooLong));
    }

    #[test]
    fn whiteouts_are_told_from_files() {
        let of = |path: &[u8]| meaning(path.to_vec());
        assert_eq!(of(b"a/b"), Meaning::Entry(b"a/b".to_vec()));
        assert_eq!(of(b"a/.wh.b"), Meaning::Whiteout(b"a/b".to_vec()));
        assert_eq!(of(b".wh.b"), Meaning::Whiteout(b"b".to_vec()));
        assert_eq!(of(b"a/.wh..wh..opq"), Meaning::Opaque(b"a".to_vec()));
        assert_eq!(of(b".wh..wh..opq"), Meaning::Opaque(Vec::new()));
        assert_eq!(of(b".wh..wh.plnk/123.4"), Meaning::Ignored);
        assert_eq!(of(b"a/.wh..."), Meaning::Ignored);
    }
}
