//! What one run looks like from inside: a line for each change of mind of a lane, each refusal, each failure.

use tidegate::engine::{Engine, Outcome};
use tidegate::error::Axis;
use tidegate::limit::LaneSnapshot;
use tidegate::task::TaskId;
use tidegate::time::Instant;
use tidegate_simulator::{Stats, World};

use crate::output;

/// Of how long a run the idle slots are told in one figure, ms.
const STRETCH: u64 = 10_000;

/// Prints as the run goes.
#[derive(Debug, Default)]
pub struct Trace {
    everything: bool,
    seen: Vec<Option<LaneSnapshot>>,
    /// Slot-ms that there were and that nobody used, though something waited, in each [`STRETCH`].
    idle: Vec<(u64, u64)>,
    /// Up to when that is known, and how it stood then: slots, and those in use.
    known: (u64, u64, u64),
    /// What truly refused, in the order of the refusals that are on their way to a client.
    refused: Vec<Vec<&'static str>>,
}

fn is_idle((idle, all): &(u64, u64)) -> bool {
    idle * 20 > *all
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
        output::line(&format!("{:>10} #{client} {text}", seconds(now)));
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
            format!(" window {}/{} in {} ms {:?}", window.used, window.limit, window.length, window.known)
        });
        let cap = world.config().cap_at(now).map_or(String::new(), |cap| format!(" of {cap}"));
        let truth = format!("{}{cap}", world.stats().in_flight);
        let (waiting, out) = engine.counts();
        let text = format!(
            "limit {:<4} held {:<4} queued {:<3} {:?}{window}{pause} | truly in flight {truth}, waiting {waiting}, out {out}, refusals {}",
            lane.limit, lane.held, lane.queued, lane.phase, lane.refusals
        );
        *seen = Some(lane);
        self.line(now, client, &text);
    }

    /// Time has come to this; what stood at the last event counts until now, an end between two of them is seen at the second. `waits`: something has not been let in yet.
    pub fn pass(&mut self, now: u64, waits: bool, world: &World) {
        let (mut from, cap, used) = self.known;
        while from < now {
            let stretch = from / STRETCH;
            let until = now.min((stretch + 1) * STRETCH);
            if let Some((idle, all)) = at(&mut self.idle, stretch as usize) {
                *idle += (until - from) * cap.saturating_sub(used);
                *all += (until - from) * cap;
            }
            from = until;
        }
        let cap = world.config().cap_at(now).filter(|_| waits).unwrap_or(0);
        self.known = (now, u64::from(cap), world.stats().in_flight);
    }

    /// Where slots were idle though something waited: the stretches with more than a twentieth of them.
    pub fn sum_up(&self) {
        let share = |stretches: &[(u64, u64)]| {
            let (idle, all) = stretches.iter().fold((0, 0), |sum, stretch| (sum.0 + stretch.0, sum.1 + stretch.1));
            format!("{:.1} %", 100.0 * idle as f64 / all.max(1) as f64)
        };
        output::line(&format!("idle slots while something waited: {} of all", share(&self.idle)));
        let mut from = 0;
        for stretches in self.idle.chunk_by(|one, other| is_idle(one) == is_idle(other)) {
            let until = from + stretches.len() as u64 * STRETCH;
            if stretches.first().is_some_and(is_idle) {
                output::line(&format!("    {:>5} to {:>5} s: {}", from / 1_000, until / 1_000, share(stretches)));
            }
            from = until;
        }
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
