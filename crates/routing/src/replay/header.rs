//! The header form: `fly-replay: region=fra,app=other;state="a;b"`.
//!
//! Fields are `name=value`, apart by `;` or `,`; a value that contains one of them is quoted, with `\` before a quote
//! within. A bare list after `region=` ends at the next field: `region=fra,ams;app=x` names two regions.

use super::{Invalid, Keep, Replay, cache, duration, fallback, places, state};

/// Longest value of the header, in bytes: a `state` and then some.
const MAX_LENGTH: usize = 8192;

/// What stands beside the header `fly-replay` in an answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct CacheHeaders<'a> {
    /// `fly-replay-cache`.
    pub scope: Option<&'a str>,
    /// `fly-replay-cache-ttl-secs`.
    pub ttl_secs: Option<&'a str>,
    /// `fly-replay-cache-allow-bypass`.
    pub allow_bypass: Option<&'a str>,
}

impl Replay {
    /// Reads the header's value, and the headers of the cache.
    pub fn from_header(value: &str, cache: CacheHeaders<'_>) -> Result<Self, Invalid> {
        if value.len() > MAX_LENGTH {
            return Err(Invalid::new(format!("the header is longer than {MAX_LENGTH} bytes")));
        }
        let mut replay = Self { keep: keep(cache)?, ..Self::default() };
        let fields = fields(value)?;
        if fields.is_empty() {
            return Err(Invalid::new("the header is empty"));
        }
        let mut seen: Vec<&str> = Vec::new();
        for Field { name, value } in &fields {
            if seen.contains(name) {
                return Err(Invalid::field(name, "comes twice"));
            }
            seen.push(name);
            replay.set(name, value)?;
        }
        replay.checked()
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Invalid> {
        let id = |name| move |error| Invalid::field(name, error);
        match name {
            "region" => self.places = places(value.split(','))?,
            "instance" => self.instance = Some(value.parse().map_err(id("instance"))?),
            "prefer_instance" => self.prefer_instance = Some(value.parse().map_err(id("prefer_instance"))?),
            "app" => self.app = Some(value.parse().map_err(id("app"))?),
            "state" => self.state = Some(state(value)?),
            "elsewhere" => self.elsewhere = flag("elsewhere", value)?,
            "timeout" => self.timeout = Some(duration("timeout", value)?),
            "fallback" => self.fallback = Some(fallback(value)?),
            other => return Err(Invalid::new(format!("there is no field \"{}\"", other.escape_debug()))),
        }
        Ok(())
    }
}

fn keep(cache: CacheHeaders<'_>) -> Result<Option<Keep>, Invalid> {
    let Some(scope) = cache.scope else { return Ok(None) };
    if scope.trim() == "invalidate" {
        return Ok(Some(Keep::Forget));
    }
    let ttl = cache.ttl_secs.ok_or_else(|| Invalid::field("fly-replay-cache-ttl-secs", "is missing"))?;
    let ttl = ttl.trim().parse().map_err(|_| Invalid::field("fly-replay-cache-ttl-secs", "is no number"))?;
    let allow_bypass = cache.allow_bypass.is_some_and(|value| value.trim().eq_ignore_ascii_case("yes"));
    Ok(Some(Keep::For { scope: scope.trim().parse()?, ttl: cache::ttl(ttl)?, allow_bypass }))
}

fn flag(name: &str, value: &str) -> Result<bool, Invalid> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Invalid::field(name, "is true or false")),
    }
}

struct Field<'a> {
    name: &'a str,
    value: String,
}

fn fields(text: &str) -> Result<Vec<Field<'_>>, Invalid> {
    let mut fields: Vec<Field<'_>> = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find(['=', ';', ',', '"']).unwrap_or(rest.len());
        let word = rest[..end].trim();
        if !rest[end..].starts_with('=') {
            // A further region of a bare list.
            match fields.last_mut() {
                Some(last) if last.name == "region" && !rest[end..].starts_with('"') => {
                    last.value.push(',');
                    last.value.push_str(word);
                }
                _ => return Err(Invalid::new(format!("\"{}\" is no field=value", word.escape_debug()))),
            }
            rest = after_separator(&rest[end..]);
            continue;
        }
        let (value, after) = value(rest[end + 1..].trim_start())?;
        fields.push(Field { name: word, value });
        if !after.is_empty() && !after.starts_with([';', ',']) {
            return Err(Invalid::field(word, "something follows its quoted value"));
        }
        rest = after_separator(after);
    }
    Ok(fields)
}

fn after_separator(rest: &str) -> &str {
    rest.trim_start().trim_start_matches([';', ',']).trim_start()
}

/// A value, quoted or bare, and what follows it.
fn value(text: &str) -> Result<(String, &str), Invalid> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',']).unwrap_or(text.len());
        return Ok((text[..end].trim().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, quoted[at + 1..].trim_start())),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    Err(Invalid::new("a quoted value does not end"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::replay::Fallback;

    fn read(value: &str) -> Result<Replay, Invalid> {
        Replay::from_header(value, CacheHeaders::default())
    }

    #[test]
    fn every_field_is_read() {
        let replay = read(
            r#"region="fra, eu,any";app=other;state="a;b=\"c\"", elsewhere=true;timeout=800ms;fallback=prefer_self"#,
        )
        .unwrap();
        assert_eq!(replay.places, ["fra", "eu", "any"].map(|place| place.parse().unwrap()));
        assert_eq!(replay.app.unwrap().as_str(), "other");
        assert_eq!(replay.state.as_deref(), Some(r#"a;b="c""#));
        assert!(replay.elsewhere);
        assert_eq!(replay.timeout, Some(Duration::from_millis(800)));
        assert_eq!(replay.fallback, Some(Fallback::PreferSelf));
        let one = read("instance=148ed21a031189").unwrap();
        assert_eq!(one.instance.unwrap().as_str(), "148ed21a031189");
        assert_eq!(read("prefer_instance=148ed21a031189,region=fra").unwrap().places.len(), 1);
        assert_eq!(read("region=fra,ams;elsewhere=true").unwrap().places.len(), 2);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (value, named) in [
            ("", "empty"),
            ("region=", "region"),
            ("region=FRA!", "region"),
            ("fra", "fra"),
            ("colour=red", "colour"),
            ("app=a;app=b", "app"),
            ("elsewhere=maybe", "elsewhere"),
            ("timeout=soon", "timeout"),
            ("timeout=99999999999999999999s", "timeout"),
            ("fallback=none", "fallback"),
            ("state=\"open", "quoted"),
            ("state=\"a\"b", "state"),
            ("instance=148ed21a031189;prefer_instance=148ed21a031189", "exclude"),
        ] {
            let error = read(value).expect_err(value).to_string();
            assert!(error.contains(named), "{value}: {error}");
        }
    }

    #[test]
    fn the_cache_headers_stand_beside_it() {
        let cache = |scope, ttl_secs| {
            Replay::from_header(
                "app=b",
                CacheHeaders { scope: Some(scope), ttl_secs, allow_bypass: Some("yes") },
            )
        };
        let Some(Keep::For { scope, ttl, allow_bypass }) = cache("example.com/a/*", Some("60")).unwrap().keep
        else {
            panic!("it is kept")
        };
        assert_eq!((scope.to_string().as_str(), ttl.as_secs(), allow_bypass), ("example.com/a/*", 60, true));
        assert_eq!(cache("invalidate", None).unwrap().keep, Some(Keep::Forget));
        for (scope, ttl) in [("/a/*", None), ("/a/*", Some("9")), ("/a", Some("60")), ("a*b/*", Some("60"))] {
            cache(scope, ttl).expect_err(scope);
        }
        let kept_state = CacheHeaders { scope: Some("/*"), ttl_secs: Some("60"), allow_bypass: None };
        Replay::from_header("app=b;state=x", kept_state).expect_err("state is about one request");
    }
}
