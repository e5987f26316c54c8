//! `Date` for answers that have none (RFC 9110, section 6.6.1).

use std::cell::RefCell;

use http::HeaderValue;
use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};

thread_local! {
    /// Written once a second.
    static WRITTEN: RefCell<Option<(i64, HeaderValue)>> = const { RefCell::new(None) };
}

/// The time as a header value.
pub(crate) fn now() -> HeaderValue {
    let now = Timestamp::now();
    WRITTEN.with_borrow_mut(|written| match written {
        Some((second, value)) if *second == now.as_second() => value.clone(),
        _ => {
            let value = write(&now);
            *written = Some((now.as_second(), value.clone()));
            value
        }
    })
}

fn write(time: &Timestamp) -> HeaderValue {
    let text = DateTimePrinter::new().timestamp_to_rfc9110_string(time);
    text.ok().and_then(|text| text.try_into().ok()).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_the_one_of_the_rfc() {
        // RFC 9110, section 5.6.7.
        let time = Timestamp::from_second(784_111_777).unwrap();
        assert_eq!(write(&time), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
