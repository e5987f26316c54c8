//! Folders of a machine whose files are served without the app: `[[statics]]` of a fly.toml.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// As Fly allows: each request is compared with all of them.
pub const MAX_STATICS: usize = 10;

/// Where a machine serves them to the edge: above the ports that the kernel gives to outgoing connections, and
/// far from those that apps like. An app with statics cannot listen there.
pub const STATICS_PORT: u16 = 64_080;

/// A folder of the machine, under a prefix of the path of URLs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Static {
    /// Absolute, in the guest.
    pub guest_path: String,
    /// Begins with `/`; covers whole segments of a path.
    pub url_prefix: String,
    /// The file that stands for a folder whose URL ends with `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index_document: Option<String>,
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// What is wrong with a list of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("statics[{index}].{key}: {problem}")]
pub struct InvalidStatic {
    /// The place in the list.
    pub index: usize,
    pub key: &'static str,
    pub problem: String,
}

impl Static {
    /// Whether the path of a URL, without its query, is below the prefix.
    pub fn covers(&self, path: &str) -> bool {
        covers(&self.url_prefix, path)
    }
}

/// Whether `path` is `prefix` or below it: whole segments count.
pub fn covers(prefix: &str, path: &str) -> bool {
    let below = path.strip_prefix(prefix.trim_end_matches('/'));
    below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

/// Finds the first that can not be had.
pub fn check_statics(statics: &[Static]) -> Result<(), InvalidStatic> {
    for (index, of) in statics.iter().enumerate() {
        let invalid = |key, problem: String| Err(InvalidStatic { index, key, problem });
        if index == MAX_STATICS {
            return invalid("url_prefix", format!("there are at most {MAX_STATICS} of them"));
        }
        if !of.guest_path.starts_with('/') || of.guest_path.contains('\0') {
            return invalid("guest_path", format!("\"{}\" must be an absolute path", of.guest_path));
        }
        let prefix = &of.url_prefix;
        if !prefix.starts_with('/') || !prefix.bytes().all(|b| b.is_ascii_graphic() && !b"?#%".contains(&b)) {
            let problem = format!("\"{prefix}\" must be the beginning of a URL's path, such as \"/static/\"");
            return invalid("url_prefix", problem);
        }
        let overlaps = |other: &&Static| other.covers(prefix) || of.covers(&other.url_prefix);
        if let Some(other) = statics[..index].iter().find(overlaps) {
            let problem = format!("\"{prefix}\" overlaps with \"{}\"; merge the two", other.url_prefix);
            return invalid("url_prefix", problem);
        }
        if of.index_document.as_ref().is_some_and(|name| name.contains(['/', '\0'])) {
            return invalid("index_document", "it is the name of a file, without a folder".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(prefixes: &[&str]) -> Vec<Static> {
        let of = |prefix: &&str| Static {
            guest_path: "/public".into(),
            url_prefix: (*prefix).into(),
            ..Static::default()
        };
        prefixes.iter().map(of).collect()
    }

    #[test]
    fn whole_segments_are_covered() {
        for (prefix, path, covered) in [
            ("/static", "/static/a.css", true),
            ("/static/", "/static/a.css", true),
            ("/static/", "/static", true),
            ("/static", "/statics/a.css", false),
            ("/", "/", true),
            ("/", "/any/thing", true),
            ("/a/b", "/a", false),
        ] {
            assert_eq!(covers(prefix, path), covered, "{prefix} {path}");
        }
    }

    #[test]
    fn what_can_not_be_had_is_named() {
        assert_eq!(check_statics(&of(&["/a", "/b/", "/ab"])), Ok(()));
        for (prefixes, place) in [
            (&["/a", "/a/b"][..], "statics[1].url_prefix"),
            (&["/a/", "/a"], "statics[1].url_prefix"),
            (&["/", "/a"], "statics[1].url_prefix"),
            (&["a"], "statics[0].url_prefix"),
            (&["/a?b"], "statics[0].url_prefix"),
            (&[""], "statics[0].url_prefix"),
        ] {
            let error = check_statics(&of(prefixes)).unwrap_err().to_string();
            assert!(error.starts_with(place), "{prefixes:?}: {error}");
        }
        let many: Vec<String> = (0..=MAX_STATICS).map(|n| format!("/{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(check_statics(&of(&many)).unwrap_err().index, MAX_STATICS);
        let relative = Static { guest_path: "public".into(), ..of(&["/a"])[0].clone() };
        assert_eq!(check_statics(&[relative]).unwrap_err().key, "guest_path");
        let up = Static { index_document: Some("../x".into()), ..of(&["/a"])[0].clone() };
        assert_eq!(check_statics(&[up]).unwrap_err().key, "index_document");
    }
}
