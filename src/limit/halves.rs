//! What was seen lately, without keeping each sight of it: by halves of a time, of which the older one is forgotten whole.

use crate::time::{Instant, Millis};

/// What is older than this, or twice this, says little of today's limits: a rolling minute, and a half of another.
pub const HALF: Millis = 45_000;

/// This half, and the one before.
#[derive(Debug, Default)]
pub struct Halves<T> {
    began: Instant,
    now: Instant,
    /// What was seen in this half.
    pub latest: T,
    /// In the one before.
    pub earlier: T,
}

impl<T: Copy + Default> Halves<T> {
    /// Time goes on.
    pub fn go_on(&mut self, now: Instant) {
        self.now = now;
        let passed = self.began.until(now) / HALF;
        if passed > 0 {
            self.earlier = if passed == 1 { self.latest } else { T::default() };
            self.latest = T::default();
            self.began = self.began.after(passed * HALF);
        }
    }

    /// How much of this half has passed, ms.
    pub fn elapsed(&self) -> Millis {
        self.began.until(self.now)
    }

    /// Both, the latest first.
    pub fn both(&self) -> [T; 2] {
        [self.latest, self.earlier]
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_two_halves_is_forgotten() {
        let mut halves = Halves { latest: 7, ..Halves::default() };
        halves.go_on(Instant::from_millis(HALF - 1));
        assert_eq!(halves.both(), [7, 0]);
        halves.go_on(Instant::from_millis(HALF));
        assert_eq!(halves.both(), [0, 7]);
        halves.latest = 3;
        halves.go_on(Instant::from_millis(3 * HALF));
        assert_eq!(halves.both(), [0, 0], "two halves at once");
    }
}
