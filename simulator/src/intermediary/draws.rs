//! The intermediary's random draws: functions of the seed and of the number of the request, apart from all draws of the provider.

use crate::random::{Stream, bits, to_unit};

/// What a draw is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Draw {
    Page,
    PageForm,
    PageBody,
    Ray,
    Failure,
    Blanks,
    SecondDocument,
    Stream,
    StreamForm,
    EarlyStatus,
    Task,
    TaskForm,
    TaskPatience,
    Base64,
    Raw,
    Errors,
    ErrorNumber,
    Surplus,
    Store,
    /// The last; there are not more than [`KINDS`].
    Identifier,
}

const KINDS: u64 = 32;

/// The draws of one request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Draws {
    pub seed: u64,
    /// The number of the request among those that the intermediary saw.
    pub index: u64,
}

impl Draws {
    /// 64 well-mixed bits.
    pub fn bits(self, draw: Draw) -> u64 {
        bits(self.seed, Stream::Intermediary, self.index.wrapping_mul(KINDS).wrapping_add(draw as u64))
    }

    /// A number in `[0, 1)`.
    pub fn unit(self, draw: Draw) -> f64 {
        to_unit(self.bits(draw))
    }

    /// Whether something of this probability happens.
    pub fn strikes(self, draw: Draw, probability: f64) -> bool {
        self.unit(draw) < probability
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_differ_by_their_kind_and_by_the_request() {
        assert!((Draw::Identifier as u64) < KINDS);
        let draws = Draws { seed: 1, index: 7 };
        assert_eq!(draws.bits(Draw::Page), draws.bits(Draw::Page));
        assert_ne!(draws.bits(Draw::Page), draws.bits(Draw::Ray));
        assert_ne!(draws.bits(Draw::Page), Draws { seed: 1, index: 8 }.bits(Draw::Page));
        assert!(draws.strikes(Draw::Page, 1.0) && !draws.strikes(Draw::Page, 0.0));
    }
}
