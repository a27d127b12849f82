//! What probes may spend, and what they have spent of late.

use crate::time::{DAY, Millis, month_of};

/// Over how long a budget is counted, by the calendar and UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// A day.
    Day,
    /// A month.
    Month,
}

/// US dollars: `Budget` in the public contract.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// How much.
    pub amount: f64,
    /// In each of these; `None`: for the life of what it is given to.
    pub per: Option<Period>,
}

impl Budget {
    /// So much in each day, by UTC.
    pub const fn per_day(amount: f64) -> Budget {
        Budget { amount, per: Some(Period::Day) }
    }

    /// So much in each month, by UTC.
    pub const fn per_month(amount: f64) -> Budget {
        Budget { amount, per: Some(Period::Month) }
    }
}

impl From<f64> for Budget {
    fn from(amount: f64) -> Budget {
        Budget { amount, per: None }
    }
}

/// What was spent in the day and in the month of the latest purchase.
#[derive(Debug, Default)]
pub(super) struct Spend {
    day: (u64, f64),
    month: (u64, f64),
}

impl Spend {
    /// So much was spent at that time, ms since the epoch.
    pub fn add(&mut self, wall: Millis, amount: f64) {
        self.day = (wall / DAY, self.of(wall, Period::Day) + amount);
        self.month = (month_of(wall), self.of(wall, Period::Month) + amount);
    }

    /// What was spent in the period in which that time lies.
    pub fn of(&self, wall: Millis, period: Period) -> f64 {
        let ((known, spent), asked) = match period {
            Period::Day => (self.day, wall / DAY),
            Period::Month => (self.month, month_of(wall)),
        };
        if known == asked { spent } else { 0.0 }
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;

    #[test]
    fn a_period_ends_with_its_last_millisecond() {
        let mut spend = Spend::default();
        let of = |spend: &Spend, wall| (spend.of(wall, Period::Day), spend.of(wall, Period::Month));
        // Noon of 2028-02-28.
        let noon = 21_242 * DAY + DAY / 2;
        spend.add(noon, 1.0);
        spend.add(noon + 1, 0.5);
        assert_eq!(of(&spend, noon + DAY / 2 - 1), (1.5, 1.5));
        assert_eq!(of(&spend, noon + DAY / 2), (0.0, 1.5));
        spend.add(noon + DAY, 2.0);
        assert_eq!(of(&spend, noon + DAY), (2.0, 3.5));
        assert_eq!(of(&spend, noon + DAY + DAY / 2), (0.0, 0.0), "March");
    }
}
