//! How much a key allows at once: one [`Lane`] a quota bucket.

mod lane;
mod message;

pub use lane::Lane;
pub use message::{LaneIn, LaneOut, LaneSnapshot, NotUntil, Token, Verdict, Wait, Window};
