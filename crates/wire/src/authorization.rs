//! The `Authorization` header, as far as the platform knows its schemes.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// What a caller shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// Of flyctl's own scheme, too.
    Bearer(String),
    Basic {
        username: String,
        password: String,
    },
}

/// Reads the header's value; `None` for schemes that nobody here knows, and what is not of its scheme.
pub fn read(value: &str) -> Option<Authorization> {
    let (scheme, rest) = value.trim().split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("flyv1") {
        return Some(Authorization::Bearer(rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
    let (username, password) = text.split_once(':')?;
    Some(Authorization::Basic { username: username.to_owned(), password: password.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scheme_is_read_whatever_its_case() {
        let bearer = |token: &str| Some(Authorization::Bearer(token.to_owned()));
        assert_eq!(read("Bearer abc"), bearer("abc"));
        assert_eq!(read("FlyV1 fm2_a,fm2_b"), bearer("fm2_a,fm2_b"));
        let basic = Authorization::Basic { username: "x".to_owned(), password: "a:b".to_owned() };
        assert_eq!(read("basic eDphOmI="), Some(basic));
        for nothing in ["", "Bearer", "Digest x", "Basic eA==", "Basic !", "Basic //8="] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }
}
