//! How much a key allows at once: one [`Lane`] a quota bucket.

mod lane;

pub use lane::{Lane, LaneIn, LaneOut, LaneSnapshot, NotUntil, Token, Verdict, Wait};
