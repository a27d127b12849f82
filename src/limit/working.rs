//! How much works that began before a permit, without a look at each: sums of blocks of permits, kept from when somebody first asks.

use super::message::Token;
use crate::table::Table;

/// So many numbers, as a power of two, are one block.
const BLOCK: u32 = 8;

/// The slots that work in each block.
#[derive(Debug, Default)]
pub struct Working(Table<u64, u32>);

impl Working {
    fn block(token: Token) -> u64 {
        token >> BLOCK
    }

    /// The first permit of the block in which this one is.
    pub fn first_of(token: Token) -> Token {
        Working::block(token) << BLOCK
    }

    /// So many slots work, or don't any more.
    pub fn count(&mut self, token: Token, weight: u32, works: bool) {
        let block = Working::block(token);
        let Some(sum) = self.0.or_default(block) else { return };
        *sum = if works { sum.saturating_add(weight) } else { sum.saturating_sub(weight) };
        if *sum == 0 {
            self.0.remove(&block);
        }
    }

    /// What works in all blocks before that of this permit.
    pub fn before(&self, token: Token) -> u32 {
        let blocks = self.0.iter().take_while(|(block, _)| *block < Working::block(token));
        blocks.fold(0, |all, (_, sum)| all.saturating_add(*sum))
    }
}
