//! Which coding a client likes best (RFC 9110, section 12.5.3).

use super::Coding;

/// The one with the highest weight; among equals the one that we like best. `None`: as it is.
pub(super) fn best(accepts: &str) -> Option<Coding> {
    let weight_of = |name: &str| {
        let said = accepts.split(',').filter_map(weighted);
        said.filter(|(coding, _)| coding.eq_ignore_ascii_case(name)).map(|(_, weight)| weight).next()
    };
    let any = weight_of("*").unwrap_or(0);
    let weighed = Coding::ALL.map(|coding| (coding, weight_of(coding.as_str()).unwrap_or(any)));
    // The first of the greatest: `max_by_key` would take the last.
    let best = weighed.into_iter().rev().max_by_key(|(_, weight)| *weight)?;
    (best.1 > 0).then_some(best.0)
}

/// A coding and its weight in thousandths. A weight that cannot be read is none.
fn weighted(item: &str) -> Option<(&str, u32)> {
    let mut parts = item.split(';').map(str::trim);
    let coding = parts.next().filter(|coding| !coding.is_empty())?;
    let Some(weight) = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q="))) else {
        return Some((coding, 1000));
    };
    let weight: f32 = weight.parse().unwrap_or(0.0);
    Some((coding, (weight.clamp(0.0, 1.0) * 1000.0) as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_is_taken_and_ours_among_equals() {
        for (accepts, expected) in [
            ("gzip, deflate, br, zstd", Some(Coding::Zstd)),
            ("gzip, deflate, br", Some(Coding::Brotli)),
            ("gzip;q=1.0, br;q=0.5, *;q=0.1", Some(Coding::Gzip)),
            ("br;q=0, *", Some(Coding::Zstd)),
            ("GZIP", Some(Coding::Gzip)),
            ("gzip;q=0", None),
            ("gzip;q=nonsense", None),
            ("identity", None),
            ("", None),
        ] {
            assert_eq!(best(accepts), expected, "{accepts}");
        }
    }
}
