//! When a machine is started without anybody asking.

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How often a machine is started, counted from the moment at which it was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    Hourly,
    Daily,
    Weekly,
    /// On the same day of the month (UTC), or the last one of a shorter month.
    Monthly,
}

/// Mean length of a month: a first guess, which is corrected.
const MONTH_SECS: i64 = 2_629_746;

impl Schedule {
    /// The first start after `after` of a machine that was created at `created`; `None` past the end of time.
    pub fn next(self, created: Timestamp, after: Timestamp) -> Option<Timestamp> {
        let elapsed = after.as_second().saturating_sub(created.as_second()).max(0);
        let mut number = elapsed / self.seconds();
        // The guess may be a month too late.
        number = (number - 1).max(0);
        loop {
            number += 1;
            let start = self.start(created, number)?;
            if start > after {
                return Some(start);
            }
        }
    }

    fn start(self, created: Timestamp, number: i64) -> Option<Timestamp> {
        match self {
            Self::Monthly => {
                let created = created.to_zoned(TimeZone::UTC);
                Some(created.checked_add(i32::try_from(number).ok()?.months()).ok()?.timestamp())
            }
            _ => Timestamp::from_nanosecond(
                created.as_nanosecond() + i128::from(self.seconds()) * i128::from(number) * 1_000_000_000,
            )
            .ok(),
        }
    }

    fn seconds(self) -> i64 {
        match self {
            Self::Hourly => 3600,
            Self::Daily => 86_400,
            Self::Weekly => 7 * 86_400,
            Self::Monthly => MONTH_SECS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_phase_is_that_of_the_creation() {
        let created = at("2026-01-31T10:20:30Z");
        for (schedule, after, next) in [
            (Schedule::Hourly, "2026-01-31T10:20:30Z", "2026-01-31T11:20:30Z"),
            (Schedule::Hourly, "2026-02-05T11:20:29.9Z", "2026-02-05T11:20:30Z"),
            (Schedule::Daily, "2026-02-01T10:20:30Z", "2026-02-02T10:20:30Z"),
            (Schedule::Weekly, "2026-03-01T00:00:00Z", "2026-03-07T10:20:30Z"),
            (Schedule::Monthly, "2026-02-01T00:00:00Z", "2026-02-28T10:20:30Z"),
            (Schedule::Monthly, "2026-02-28T10:20:30Z", "2026-03-31T10:20:30Z"),
            (Schedule::Monthly, "2036-03-31T10:20:30Z", "2036-04-30T10:20:30Z"),
        ] {
            assert_eq!(schedule.next(created, at(after)), Some(at(next)), "{schedule:?} after {after}");
        }
    }
}
