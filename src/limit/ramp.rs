//! How quickly a ramp may go where answers are quick: a provider that queues takes in whatever comes, and only a poll shows it.

use crate::time::{Instant, Millis};

/// In so long a ramp doubles at most: polls of what was taken in are back by then. Where the way there and back takes 200 ms it is slower by itself.
const DOUBLES_IN: Millis = 500;
/// So many are not too many, wherever they wait.
const FEW: u32 = 16;

/// How far a ramp had come.
#[derive(Debug, Default)]
pub struct Ramp {
    since: Instant,
    out: u32,
}

impl Ramp {
    /// So many are out, and so many would be: when that may be, if not now.
    pub fn obstacle(&mut self, now: Instant, out: u32, wanted: u32) -> Option<Instant> {
        if self.since.after(DOUBLES_IN) <= now {
            (self.since, self.out) = (now, out);
        }
        (wanted > self.out.saturating_mul(2).max(FEW)).then_some(self.since.after(DOUBLES_IN))
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_twice_a_second_and_no_sooner() {
        let mut ramp = Ramp::default();
        let mut out = 0;
        for now in 0..2_000 {
            let now = Instant::from_millis(now);
            while ramp.obstacle(now, out, out + 1).is_none() {
                out += 1;
            }
            let most = 16 << (now.millis() / DOUBLES_IN);
            assert!(out == most, "{out} of {most} at {now:?}");
        }
        assert_eq!(ramp.obstacle(Instant::from_millis(1_999), out, out + 1), Some(Instant::from_millis(2_000)));
    }
}
