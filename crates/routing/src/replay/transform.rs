//! How a request is changed before it goes on.

use http::{HeaderMap, HeaderName, HeaderValue, header, uri::PathAndQuery};

use super::Invalid;

/// Most headers that are set, and most that are deleted.
const MAX_HEADERS: usize = 64;

/// Say where a message ends, whose connection it is on, or whose request it is: never an app's to change.
const OURS: [HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::VIA,
];

/// Changes that are kept as the types in which they are made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transform {
    pub path: Option<PathAndQuery>,
    pub delete: Vec<HeaderName>,
    pub set: Vec<(HeaderName, HeaderValue)>,
}

impl Transform {
    pub fn new(
        path: Option<&str>,
        delete: &[String],
        set: impl ExactSizeIterator<Item = (String, String)>,
    ) -> Result<Self, Invalid> {
        if delete.len().max(set.len()) > MAX_HEADERS {
            return Err(Invalid::field("transform", format_args!("more than {MAX_HEADERS} headers")));
        }
        let value = |(name, value): (String, String)| {
            let value = HeaderValue::from_str(&value);
            Ok((own(&name)?, value.map_err(|error| Invalid::field("transform.set_headers", error))?))
        };
        Ok(Self {
            path: path.map(read_path).transpose()?,
            delete: delete.iter().map(|name| own(name)).collect::<Result<_, _>>()?,
            set: set.map(value).collect::<Result<_, _>>()?,
        })
    }

    pub fn change_headers(&self, headers: &mut HeaderMap) {
        self.delete.iter().for_each(|name| drop(headers.remove(name)));
        for (name, value) in &self.set {
            headers.insert(name.clone(), value.clone());
        }
    }
}

fn read_path(path: &str) -> Result<PathAndQuery, Invalid> {
    if !path.starts_with('/') {
        return Err(Invalid::field("transform.path", "does not begin with /"));
    }
    path.parse().map_err(|error| Invalid::field("transform.path", error))
}

/// A header that is the app's to change.
fn own(name: &str) -> Result<HeaderName, Invalid> {
    let header: HeaderName = name.parse().map_err(|error| Invalid::field("transform", error))?;
    let ours =
        OURS.contains(&header) || ["fly-", "x-forwarded-"].iter().any(|p| header.as_str().starts_with(p));
    match ours {
        true => Err(Invalid::field("transform", format_args!("{header} is not the app's to change"))),
        false => Ok(header),
    }
}
