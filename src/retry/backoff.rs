//! Full jitter: `random(0, min(cap, base · 2ⁿ))`, so that clients that failed together don't come back together.

use crate::rng::Rng;
use crate::time::Millis;

/// The wait before the next try, after `failures` (counted from 0) in a row.
pub fn full_jitter(rng: &mut Rng, failures: u32, base: Millis, cap: Millis) -> Millis {
    rng.up_to(bound(failures, base, cap))
}

/// The longest wait that [`full_jitter`] may draw.
pub fn bound(failures: u32, base: Millis, cap: Millis) -> Millis {
    let factor = 1u64.checked_shl(failures).unwrap_or(u64::MAX);
    base.saturating_mul(factor).min(cap)
}

/// A server's hint and a little more, never less: all its clients got the same one.
pub fn after_hint(rng: &mut Rng, hint: Millis) -> Millis {
    hint.saturating_add(rng.up_to((hint / 10).min(250)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_double_up_to_the_cap() {
        let bounds: Vec<Millis> = (0..8).map(|n| bound(n, 1_000, 30_000)).collect();
        assert_eq!(bounds, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(bound(200, 1_000, 30_000), 30_000);
        assert_eq!(bound(63, u64::MAX, u64::MAX), u64::MAX);
    }

    #[test]
    fn jitter_is_full() {
        let mut rng = Rng::new(3);
        let waits: Vec<Millis> = (0..4_000).map(|_| full_jitter(&mut rng, 2, 1_000, 30_000)).collect();
        assert!(waits.iter().all(|wait| *wait <= 4_000));
        for quarter in 0..4 {
            let share = waits.iter().filter(|wait| **wait / 1_001 == quarter).count();
            assert!((850..1_150).contains(&share), "quarter {quarter}: {share}");
        }
    }

    #[test]
    fn a_hint_is_never_undercut() {
        let mut rng = Rng::new(4);
        for hint in [0, 1, 999, 60_000, u64::MAX] {
            assert!((0..100).all(|_| after_hint(&mut rng, hint) >= hint));
        }
    }
}
