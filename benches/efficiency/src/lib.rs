//! How near the engine comes to a schedule that knows everything beforehand: makespan ÷ optimum, and what that costs in refusals and polls.
//!
//! The engine speaks its real dialect to the simulated provider; time is virtual, so that the figures are exact and the same on every machine.
//! A [`Cell`] is one provider, one load and one distance; it runs once for each seed. A [`Row`] is a set of cells with a mark to reach.

pub mod ask;
pub mod cell;
pub mod figures;
pub mod mark;
pub mod measure;
pub mod output;
pub mod rows;
pub mod run;
pub mod shapes;
pub mod subset;
pub mod table;
pub mod trace;
#[allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the tests' own walk, of which images are no part here"
)]
#[path = "../../../tests/support/walk.rs"]
mod walk;

pub use cell::{Cell, Load, Told};
pub use figures::{Figures, Run};
pub use mark::{Mark, Row};
pub use run::run;
