//! Times as people say them.

use jiff::Timestamp;

/// How long ago `then` was: `12s ago`, `3m ago`, `5h ago`, `2d ago`.
pub fn age(then: Timestamp) -> String {
    since(then, Timestamp::now())
}

fn since(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s ago"),
        60..3600 => format!("{}m ago", seconds / 60),
        3600..86_400 => format!("{}h ago", seconds / 3600),
        _ => format!("{}d ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_unit_that_fits_is_used() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        assert_eq!(since(at(0), at(59)), "59s ago");
        assert_eq!(since(at(0), at(61)), "1m ago");
        assert_eq!(since(at(0), at(7300)), "2h ago");
        assert_eq!(since(at(0), at(200_000)), "2d ago");
        assert_eq!(since(at(5), at(0)), "0s ago");
    }
}
