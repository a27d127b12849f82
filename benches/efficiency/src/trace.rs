//! What one run looks like from inside: a line for each change of mind of a lane, each refusal, each failure.

use tidegate::engine::{Engine, Outcome};
use tidegate::error::Axis;
use tidegate::limit::LaneSnapshot;
use tidegate::task::TaskId;
use tidegate::time::Instant;
use tidegate_simulator::{Stats, World};

/// Prints as the run goes.
#[derive(Debug, Default)]
pub struct Trace {
    everything: bool,
    seen: Vec<Option<LaneSnapshot>>,
    /// What truly refused, in the order of the refusals that are on their way to a client.
    refused: Vec<Vec<&'static str>>,
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

fn at<T: Default>(list: &mut Vec<T>, place: usize) -> Option<&mut T> {
    if list.len() <= place {
        list.resize_with(place + 1, T::default);
    }
    list.get_mut(place)
}

impl Trace {
    /// With `everything`, also changes of what is held and used alone, and each submit that was let in.
    pub fn new(everything: bool) -> Trace {
        Trace { everything, ..Trace::default() }
    }

    fn line(&self, now: u64, client: usize, text: &str) {
        println!("{:>10} #{client} {text}", seconds(now));
    }

    /// A lane may have changed.
    pub fn lane(&mut self, now: u64, client: usize, engine: &Engine, world: &World) {
        let everything = self.everything;
        let Some((_, _, lane)) = engine.lanes().next() else { return };
        let Some(seen) = at(&mut self.seen, client) else { return };
        let plain = |lane: &LaneSnapshot| LaneSnapshot {
            held: 0,
            queued: 0,
            window: lane.window.map(|window| tidegate::limit::Window { used: 0, ..window }),
            ..lane.clone()
        };
        let same = |seen: &LaneSnapshot| if everything { *seen == lane } else { plain(seen) == plain(&lane) };
        if seen.as_ref().is_some_and(same) {
            return;
        }
        let pause = lane.paused_until.map(Instant::millis).filter(|until| *until > now);
        let pause = pause.map_or(String::new(), |until| format!(" paused until {}", seconds(until)));
        let window = lane.window.map_or(String::new(), |window| {
            format!(" window {}/{} in {} s {:?}", window.used, window.limit, window.length / 1000, window.known)
        });
        let truth = world.stats().in_flight;
        let (waiting, out) = engine.counts();
        let text = format!(
            "limit {:<4} held {:<4} queued {:<3} {:?}{window}{pause} | truly in flight {truth}, waiting {waiting}, out {out}, refusals {}",
            lane.limit, lane.held, lane.queued, lane.phase, lane.refusals
        );
        *seen = Some(lane);
        self.line(now, client, &text);
    }

    /// A request reached the provider.
    pub fn arrived(&mut self, now: u64, client: usize, before: Stats, world: &World) {
        let after = world.stats();
        let axis = if after.refused_slots > before.refused_slots {
            "slots"
        } else if after.refused_window > before.refused_window {
            "window"
        } else if after.refused_images > before.refused_images {
            "images"
        } else if after.refused_day > before.refused_day {
            "day"
        } else if after.refused_polls > before.refused_polls {
            return self.line(now, client, "a poll is refused");
        } else if after.errors > before.errors {
            return self.line(now, client, "the provider answers with an error");
        } else if after.lost > before.lost {
            return self.line(now, client, "the answer is lost");
        } else {
            if self.everything && after.accepted > before.accepted {
                self.line(now, client, &format!("let in: {} in flight", after.in_flight));
            }
            return;
        };
        if let Some(refused) = at(&mut self.refused, client) {
            refused.push(axis);
        }
    }

    /// A client heard of a refusal.
    pub fn refusal(&mut self, now: u64, client: usize, axis: Axis, hint: Option<u64>) {
        let truly =
            at(&mut self.refused, client).filter(|refused| !refused.is_empty()).map(|refused| refused.remove(0));
        let hint = hint.map_or(String::from("no hint"), |hint| format!("hint {} s", seconds(hint)));
        self.line(now, client, &format!("REFUSED by {}: read as {axis:?}, {hint}", truly.unwrap_or("?")));
    }

    /// A task is over for its caller.
    pub fn settled(&mut self, now: u64, client: usize, task: TaskId, outcome: &Outcome) {
        if let Outcome::Failed(error, _) | Outcome::Cancelled(error, _) = outcome {
            self.line(now, client, &format!("task {task} FAILED: {:?} {}", error.code, error.message));
        }
    }

    /// Something that people should read in a log.
    pub fn warning(&self, now: u64, client: usize, message: &str) {
        self.line(now, client, message);
    }
}
