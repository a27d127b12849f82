//! How much a key allows at once: one [`Lane`] a quota bucket.

mod answers;
mod apart;
mod distance;
mod evidence;
mod granting;
mod halves;
mod kept;
mod lane;
mod limiter;
mod measure;
mod message;
mod pace;
mod probes;
mod ramp;
mod settings;
mod slots;
mod window;
mod windows;
mod working;

pub use lane::{Lane, PRESUMED_AFTER};
pub use measure::MEASURED_FOR;
pub use message::{Known, LaneIn, LaneOut, LaneSnapshot, Learned, NotUntil, Phase, Token, Verdict, Wait, Window};
pub use settings::{Concurrency, Counts, LaneConfig, Limits, Scope};
pub use windows::MINUTE;
