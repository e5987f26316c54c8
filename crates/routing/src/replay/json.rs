//! The JSON form: the body of an answer of type `application/vnd.fly.replay+json`.

use serde::Deserialize;

use super::{Invalid, Keep, Replay, Transform, cache, duration, fallback, places, state};

/// The body's media type.
pub const CONTENT_TYPE: &str = "application/vnd.fly.replay+json";

/// Longest body, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    region: Option<OneOrMany>,
    instance: Option<String>,
    prefer_instance: Option<String>,
    app: Option<String>,
    state: Option<String>,
    #[serde(default)]
    elsewhere: bool,
    timeout: Option<String>,
    fallback: Option<String>,
    transform: Option<TransformForm>,
    cache: Option<CacheForm>,
}

/// `"fra,ams"` or `["fra", "ams"]`.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TransformForm {
    path: Option<String>,
    #[serde(default)]
    delete_headers: Vec<String>,
    #[serde(default)]
    set_headers: Vec<HeaderForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderForm {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CacheForm {
    prefix: Option<String>,
    ttl: Option<Ttl>,
    #[serde(default)]
    invalidate: bool,
    #[serde(default)]
    allow_bypass: bool,
}

/// `60` or `"60s"`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Ttl {
    Secs(u64),
    Text(String),
}

impl Replay {
    /// Whether a body of this media type is a wish.
    pub fn is_json(content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case(CONTENT_TYPE)
    }

    pub fn from_json(body: &[u8]) -> Result<Self, Invalid> {
        let form: Form = serde_json::from_slice(body).map_err(|error| Invalid::new(error.to_string()))?;
        let replay = Self {
            places: match &form.region {
                None => Vec::new(),
                Some(OneOrMany::One(list)) => places(list.split(','))?,
                Some(OneOrMany::Many(list)) => places(list.iter().map(String::as_str))?,
            },
            instance: id("instance", form.instance)?,
            prefer_instance: id("prefer_instance", form.prefer_instance)?,
            app: id("app", form.app)?,
            state: form.state.as_deref().map(state).transpose()?,
            elsewhere: form.elsewhere,
            timeout: form.timeout.as_deref().map(|text| duration("timeout", text)).transpose()?,
            fallback: form.fallback.as_deref().map(fallback).transpose()?,
            transform: form.transform.map(TransformForm::read).transpose()?.unwrap_or_default(),
            keep: form.cache.map(CacheForm::read).transpose()?,
        };
        replay.checked()
    }
}

fn id<T: std::str::FromStr<Err: std::fmt::Display>>(
    name: &str,
    text: Option<String>,
) -> Result<Option<T>, Invalid> {
    text.map(|text| text.parse().map_err(|error| Invalid::field(name, error))).transpose()
}

impl TransformForm {
    fn read(self) -> Result<Transform, Invalid> {
        let set = self.set_headers.into_iter().map(|header| (header.name, header.value));
        Transform::new(self.path.as_deref(), &self.delete_headers, set)
    }
}

impl CacheForm {
    fn read(self) -> Result<Keep, Invalid> {
        if self.invalidate {
            return Ok(Keep::Forget);
        }
        let scope = self.prefix.ok_or_else(|| Invalid::field("cache.prefix", "is missing"))?.parse()?;
        let ttl_secs = match self.ttl {
            None => return Err(Invalid::field("cache.ttl", "is missing")),
            Some(Ttl::Secs(secs)) => secs,
            Some(Ttl::Text(text)) => duration("cache.ttl", &text)?.as_secs(),
        };
        Ok(Keep::For { scope, ttl: cache::ttl(ttl_secs)?, allow_bypass: self.allow_bypass })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: serde_json::Value) -> Result<Replay, Invalid> {
        Replay::from_json(value.to_string().as_bytes())
    }

    #[test]
    fn both_forms_mean_the_same() {
        let json = read(json!({ "region": ["fra", "ams"], "app": "b", "state": "x", "timeout": "10s",
            "fallback": "force_self", "elsewhere": true }));
        let header = Replay::from_header(
            "region=fra,ams;app=b;state=x;timeout=10s;fallback=force_self;elsewhere=true",
            Default::default(),
        );
        assert_eq!(json, header);
    }

    #[test]
    fn transforms_and_caches_are_read() {
        let replay =
            read(json!({ "app": "b", "transform": { "path": "/new?a=1", "delete_headers": ["Cookie"],
            "set_headers": [{ "name": "X-Tenant", "value": "7" }] } }))
            .unwrap();
        assert_eq!(replay.transform.path.unwrap(), "/new?a=1");
        assert_eq!(replay.transform.delete, ["cookie"]);
        assert_eq!(replay.transform.set[0], ("x-tenant".parse().unwrap(), "7".parse().unwrap()));
        let kept = read(json!({ "app": "b", "cache": { "prefix": "/a/*", "ttl": 60 } })).unwrap();
        assert!(matches!(kept.keep, Some(Keep::For { .. })));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (value, named) in [
            (json!({ "colour": "red" }), "colour"),
            (json!({ "region": [] }), "region"),
            (json!({ "transform": { "path": "no-slash" } }), "transform.path"),
            (
                json!({ "transform": { "set_headers": [{ "name": "Content-Length", "value": "1" }] } }),
                "content-length",
            ),
            (
                json!({ "transform": { "set_headers": [{ "name": "a", "value": "x\r\ny" }] } }),
                "transform.set_headers",
            ),
            (json!({ "cache": { "prefix": "/*" } }), "cache.ttl"),
            (json!({ "state": "x\ny" }), "state"),
        ] {
            let error = read(value.clone()).expect_err("invalid").to_string();
            assert!(error.contains(named), "{value}: {error}");
        }
    }
}
