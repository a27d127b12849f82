//! Instants, durations and HTTP dates. The core never reads a clock: `now` comes in with every call.

use core::fmt;
use core::num::NonZeroU64;

use crate::text::whole;

/// A length of time in milliseconds.
pub type Millis = u64;

/// A day, in milliseconds.
pub const DAY: Millis = 86_400_000;

/// A point on a monotonic clock, in milliseconds since an origin that only the host knows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(
    /// One more than the milliseconds: so an instant that may be missing takes no more room than one that may not, and tasks have many.
    NonZeroU64,
);

impl Default for Instant {
    fn default() -> Instant {
        Instant::from_millis(0)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Instant").field(&self.millis()).finish()
    }
}

impl Instant {
    /// Later than anything that happens; stands for "never".
    pub const NEVER: Instant = Instant(NonZeroU64::MAX);

    /// The instant that many milliseconds after the host's origin.
    pub const fn from_millis(millis: Millis) -> Instant {
        Instant(NonZeroU64::MIN.saturating_add(millis))
    }

    /// Milliseconds since the host's origin.
    pub const fn millis(self) -> Millis {
        self.0.get() - 1
    }

    /// `self` and `wait` later; saturates at [`Instant::NEVER`].
    pub const fn after(self, wait: Millis) -> Instant {
        Instant(self.0.saturating_add(wait))
    }

    /// Milliseconds from `self` to `later`; zero if that has passed.
    pub const fn until(self, later: Instant) -> Millis {
        later.0.get().saturating_sub(self.0.get())
    }
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Milliseconds since the Unix epoch of an IMF-fixdate (`Sun, 06 Nov 1994 08:49:37 GMT`), the one form that RFC 9110 §5.6.7 lets
/// servers send. The two obsolete forms are not read: no image API was seen to send them.
pub fn parse_http_date(text: &str) -> Option<u64> {
    let text = text.trim();
    let number = |from: usize, to: usize| whole(text.get(from..to)?);
    let month_name = text.get(8..11)?;
    let month = MONTHS.iter().position(|name| *name == month_name)? as u64 + 1;
    let (day, year) = (number(5, 7)?, number(12, 16)?);
    let (hour, minute, second) = (number(17, 19)?, number(20, 22)?, number(23, 25)?);
    if text.get(25..)? != " GMT" || year < 1970 || !(1..=31).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days_since_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(seconds * 1_000)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar (Howard Hinnant's `days_from_civil`, for years after 1970).
fn days_since_epoch(year: u64, month: u64, day: u64) -> u64 {
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year / 400;
    let year_of_era = shifted_year % 400;
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).saturating_sub(719_468)
}

/// Months from January 1970 to the one in which so many milliseconds since the Unix epoch lie (Howard Hinnant's `civil_from_days`).
pub fn month_of(wall: u64) -> u64 {
    let days = wall / DAY + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // From March, with which the years of this reckoning begin.
    let month = (5 * day_of_year + 2) / 153;
    (era * 400 + year_of_era) * 12 + month + 2 - 1_970 * 12
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_dates_that_servers_send() {
        assert_eq!(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(parse_http_date("Sun, 22 Nov 2026 01:09:43 GMT"), Some(1_795_309_783_000));
        assert_eq!(parse_http_date("Tue, 29 Feb 2028 23:59:60 GMT"), Some(1_835_481_600_000));
    }

    #[test]
    fn refuses_what_is_not_a_date() {
        for text in ["", "soon", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Foo 1994 08:49:37 GMT"] {
            assert_eq!(parse_http_date(text), None, "{text}");
        }
        assert_eq!(parse_http_date("Sun, 06 Nov 1969 08:49:37 GMT"), None);
        assert_eq!(parse_http_date("Sun, 06 Nov 1994 24:00:00 GMT"), None);
        assert_eq!(parse_http_date("Sun, 99999999999999999999 Nov 1994 08:49:37 GMT"), None);
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        for year in 1970..2_420 {
            for month in 1..=12 {
                let first = days_since_epoch(year, month, 1);
                assert_eq!(month_of(first * DAY), (year - 1970) * 12 + month - 1, "{year}-{month}");
                if first > 0 {
                    assert_eq!(month_of(first * DAY - 1) + 1, month_of(first * DAY), "{year}-{month}");
                }
            }
        }
        assert!(month_of(u64::MAX) > 0);
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Instant::from_millis(5).after(u64::MAX), Instant::NEVER);
        assert_eq!(Instant::from_millis(5).until(Instant::from_millis(3)), 0);
    }
}
