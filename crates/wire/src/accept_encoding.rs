//! Which coding a client likes best (RFC 9110, section 12.5.3).

/// Weight of what is named without one, in thousandths.
const FULL: u16 = 1000;

/// Of `ours`, in the order in which we like them, the one with the highest weight. `None`: it comes as it is, for
/// the client takes none of them, or likes that better.
pub fn best<'a>(accepts: &str, ours: &[&'a str]) -> Option<&'a str> {
    let weight_of = |name: &str| {
        let mut said = accepts.split(',').filter_map(weighted);
        said.find(|(coding, _)| coding.eq_ignore_ascii_case(name)).map(|(_, weight)| weight)
    };
    let any = weight_of("*").unwrap_or(0);
    let weighed = ours.iter().map(|name| (*name, weight_of(name).unwrap_or(any)));
    // The first of the greatest: `max_by_key` would take the last.
    let (name, weight) = weighed.rev().max_by_key(|(_, weight)| *weight)?;
    (weight > 0 && weight >= weight_of("identity").unwrap_or(0)).then_some(name)
}

/// A coding and its weight in thousandths. A weight that cannot be read is none.
fn weighted(item: &str) -> Option<(&str, u16)> {
    let mut parts = item.split(';').map(str::trim);
    let coding = parts.next().filter(|coding| !coding.is_empty())?;
    let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    Some((coding, weight.map_or(FULL, |weight| thousandths(weight).unwrap_or(0))))
}

/// `0.5` is 500; nothing above 1, and three places at most (RFC 9110, section 12.4.2).
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, places) = weight.split_once('.').unwrap_or((weight, ""));
    let digits = places.bytes().all(|byte| byte.is_ascii_digit());
    let whole = match whole {
        "0" => 0,
        "1" => FULL,
        _ => return None,
    };
    let places: u16 = format!("{places:0<3}").parse().ok().filter(|_| digits && places.len() <= 3)?;
    Some(whole + places).filter(|weight| *weight <= FULL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_is_taken_and_ours_among_equals() {
        for (accepts, expected) in [
            ("gzip, deflate, br, zstd", Some("zstd")),
            ("gzip, deflate, br", Some("br")),
            ("gzip;q=1.0, br;q=0.5, *;q=0.1", Some("gzip")),
            ("gzip;q=0.999, br;q=0.99", Some("gzip")),
            ("br;q=0, *", Some("zstd")),
            ("GZIP", Some("gzip")),
            ("gzip;q=0", None),
            ("gzip;q=nonsense", None),
            ("gzip;q=1.001", None),
            ("gzip;q=0.5, identity", None),
            ("gzip, identity;q=0.5", Some("gzip")),
            ("identity", None),
            ("", None),
        ] {
            assert_eq!(best(accepts, &["zstd", "br", "gzip"]), expected, "{accepts}");
        }
    }
}
