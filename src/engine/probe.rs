//! Finds out how many tasks a key takes at once, by as few paid submits as that needs: the lane's own way up, until it meets a refusal that can mean
//! nothing else.
//!
//! The tasks of a probe are ordinary ones with a mark: they wait, are written down and run as all do. Only what is left unsent is taken back at the end.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Budget, Engine, Outcome, ProbeBounds, ProbeReport, Reference};
use crate::error::{Axis, Code, Error};
use crate::gather::gather;
use crate::limit::{Concurrency, MEASURED_FOR, PRESUMED_AFTER, Phase};
use crate::options::{CallOptions, Priority};
use crate::task::{OwnerId, PartId, PartState, TaskId};
use crate::text::concat;
use crate::time::Instant;

/// More tasks at once than any provider documents; each of a probe's is an image that somebody pays.
const MOST: u32 = 1_000;
/// A task is over some time before a poll shows it: so many may be taken in their places before it counts as room that was there all the time.
const UNSEEN_ENDS: u32 = 2;

/// A probe under way.
#[derive(Debug)]
pub(super) struct Probe {
    /// So many tasks are made for it.
    most: u32,
    price: f64,
    /// Of those, how many have come.
    registered: u32,
    lane: Option<usize>,
    references: Vec<Reference>,
    refused: u32,
    axis: Option<Axis>,
    /// It was refused, and by what is not certain yet: until a slot comes free.
    doubt: bool,
    /// Since then one has.
    freed: bool,
    /// When it was refused.
    refused_at: Instant,
    /// What was on the wire together with the refused one is answered, and the lane has weighed it.
    measured: bool,
    /// So many were accepted since without a slot that was seen to come free.
    unexplained: u32,
    /// Where the answer is the image: the most that were waited for at once.
    drawn: Option<u32>,
    /// Nothing more is to be found out; `true`: the ceiling was met.
    verdict: Option<bool>,
    /// What ended a task otherwise.
    error: Option<Error>,
}

impl Probe {
    /// Full, then free, then taken: that is a slot, and no count over time.
    fn took_a_slot(&mut self) {
        self.axis = Some(Axis::Concurrency);
        self.verdict.get_or_insert(true);
    }
}

impl Engine {
    /// Begins a probe. It is a task without parts, so that it has an owner and an end.
    pub(super) fn probe(&mut self, number: TaskId, owner: OwnerId, bounds: &ProbeBounds) {
        let options = CallOptions::from_defaults(&self.config.defaults, Priority::Interactive);
        self.open_task(number, owner, String::new(), options);
        if self.closing {
            return self.fail_task(number, Error::new(Code::Cancelled));
        }
        match self.size_up(bounds) {
            Ok((most, price)) => {
                let probe = Probe {
                    most,
                    price,
                    registered: 0,
                    lane: None,
                    references: Vec::new(),
                    refused: 0,
                    axis: None,
                    doubt: false,
                    freed: false,
                    refused_at: Instant::default(),
                    measured: false,
                    unexplained: 0,
                    drawn: None,
                    verdict: None,
                    error: None,
                };
                self.probes.insert(number, probe);
            }
            Err(error) => self.fail_task(number, error),
        }
    }

    /// How many tasks may be made, and what each costs.
    fn size_up(&self, bounds: &ProbeBounds) -> Result<(u32, f64), Error> {
        let (place, model) = self.target(&bounds.model)?;
        let Some(config) = self.config.providers.get(place) else { return Ok((0, 0.0)) };
        if matches!(config.limits.concurrency, Concurrency::Told(_)) {
            let message = "is told, and what is told is kept to: leave it out to have it found out";
            return Err(Error::invalid("limits.concurrency", message));
        }
        let Some(price) = self.price(place, model) else {
            let message = concat(&[
                "has none for ",
                model,
                " at ",
                &config.name,
                ": a probe buys nothing whose price is unknown",
            ]);
            return Err(Error::invalid("prices", &message));
        };
        // A quotient just below a whole number is that number: 0.3 / 0.1.
        let left = self.left_of(&bounds.budget);
        let affordable = if price > 0.0 { (left / price + 1e-9) as u32 } else { u32::MAX };
        if affordable == 0 {
            let mut error = Error::new(Code::Budget);
            error.message = String::from("One image costs more than what is left of the budget.");
            return Err(error);
        }
        Ok((bounds.most.min(affordable).clamp(1, MOST), price))
    }

    /// What an image costs, US dollars, where the caller has said so.
    fn price(&self, provider: usize, model: &str) -> Option<f64> {
        let prices = &self.config.providers.get(provider)?.prices;
        prices.iter().find(|(known, _)| known == model).map(|(_, price)| *price)
    }

    /// What is left of a budget: less what probes have spent in its period, and those under way may still.
    fn left_of(&self, budget: &Budget) -> f64 {
        let Some(period) = budget.per else { return budget.amount };
        let bought = |probe: &Probe| probe.references.len() as u32;
        let others = self.probes.values();
        let others =
            others.fold(0.0, |sum, probe| sum + probe.price * f64::from(probe.most.saturating_sub(bought(probe))));
        budget.amount - self.spend.of(self.wall_at(self.now), period) - others
    }

    /// How many tasks the host is to make for a probe.
    pub fn probe_size(&self, number: TaskId) -> u32 {
        self.probes.get(&number).map_or(0, |probe| probe.most)
    }

    /// A task is one of a probe's; whether that still wants it.
    pub(super) fn join_probe(&mut self, number: TaskId) -> bool {
        let Some(probe) = self.tasks.get(&number).and_then(|task| task.options.probe) else { return true };
        let Some(probe) = self.probes.get_mut(&probe) else { return false };
        probe.registered += 1;
        probe.verdict.is_none()
    }

    fn probe_of(&mut self, number: TaskId) -> Option<&mut Probe> {
        let probe = self.tasks.get(&number)?.options.probe?;
        self.probes.get_mut(&probe)
    }

    /// A submit was accepted, and its task is known by its reference.
    pub(super) fn probe_accepted(&mut self, id: PartId) {
        let Some(task) = self.tasks.get(&id.task).filter(|task| task.options.probe.is_some()) else { return };
        let part = task.parts.get(usize::from(id.index));
        let price = part.and_then(|part| self.price(part.provider, &part.model)).unwrap_or(0.0);
        // Bought is bought, whether anybody still wants to know or not.
        self.spend.add(self.wall_at(self.now), price);
        if self.probe_of(id.task).is_none() {
            return;
        }
        self.measure_probes();
        let reference = self.reference(id.task);
        let sent = self.part(id).and_then(|part| part.sent.submitted_at);
        let Some(probe) = self.probe_of(id.task) else { return };
        probe.references.extend(reference);
        // What went out before the refusal says nothing of what came after it.
        let later = probe.doubt && probe.measured && sent.is_some_and(|sent| sent > probe.refused_at);
        if later && probe.freed {
            probe.took_a_slot();
        } else if later {
            probe.unexplained += 1;
            if probe.unexplained > UNSEEN_ENDS {
                // There was room after all.
                probe.doubt = false;
            }
        }
        if probe.references.len() >= probe.most as usize {
            probe.verdict.get_or_insert(false);
        }
    }

    /// A submit was refused.
    pub(super) fn probe_refused(&mut self, number: TaskId, axis: Axis) {
        let now = self.now;
        let Some(probe) = self.probe_of(number) else { return };
        probe.refused += 1;
        if probe.verdict.is_some() {
            // It was on the wire when the matter was settled.
            return;
        }
        let again = probe.doubt && probe.measured;
        if !probe.doubt {
            (probe.doubt, probe.freed, probe.measured, probe.unexplained) = (true, false, false, 0);
            probe.refused_at = now;
        }
        probe.axis = Some(axis);
        match axis {
            Axis::Concurrency => probe.verdict = probe.verdict.or(Some(true)),
            Axis::Minute | Axis::Day => probe.verdict = probe.verdict.or(Some(false)),
            Axis::Unknown if again && probe.freed => {
                // A slot was free, and it was refused all the same.
                probe.axis = Some(Axis::Minute);
                probe.verdict = probe.verdict.or(Some(false));
            }
            Axis::Unknown => {}
        }
    }

    /// A slot of a lane has come free.
    pub(super) fn probe_freed(&mut self, lane: usize) {
        for number in gather(self.probes.keys()) {
            let Some(probe) = self.probes.get_mut(&number).filter(|probe| probe.lane == Some(lane)) else { continue };
            if probe.doubt && probe.measured {
                probe.freed |= probe.unexplained == 0;
                if probe.unexplained == 1 {
                    probe.took_a_slot();
                }
                probe.unexplained = probe.unexplained.saturating_sub(1);
            }
        }
    }

    /// A task of a probe has ended without an image.
    pub(super) fn probe_failed(&mut self, number: TaskId, error: &Error) {
        let own = matches!(error.code, Code::Cancelled | Code::RateLimited | Code::QueueTimeout);
        let Some(probe) = self.probe_of(number).filter(|_| !own) else { return };
        probe.error.get_or_insert_with(|| error.clone());
        probe.verdict.get_or_insert(false);
    }

    fn measure_probes(&mut self) {
        for number in gather(self.probes.keys()) {
            let mut tasks = self.tasks.values().filter(|task| task.options.probe == Some(number));
            let seen = tasks.find_map(|task| Some(task.parts.first()?.lane));
            let lane = self.probes.get(&number).and_then(|probe| probe.lane).or(seen);
            let (mut running, mut asking, mut drawn, mut latest) = (false, false, None, None);
            let parts = self.tasks.values().flat_map(|task| &task.parts).filter(|part| Some(part.lane) == lane);
            for part in parts.filter(|part| part.state.is_out()) {
                let on_the_wire = matches!(part.state, PartState::Submitting { .. });
                // Where the answer is the image, there is no other word of a task that runs.
                let config = self.config.providers.get(part.provider);
                if on_the_wire && config.is_some_and(|config| config.dialect.is_synchronous()) {
                    let sent = part.sent.submitted_at.filter(|at| at.after(PRESUMED_AFTER) <= self.now);
                    drawn = Some(drawn.unwrap_or(0) + u32::from(sent.is_some()));
                    latest = latest.max(sent);
                } else {
                    asking |= on_the_wire;
                    running |= !on_the_wire;
                }
            }
            let now = self.now;
            let Some(probe) = self.probes.get_mut(&number) else { continue };
            probe.lane = lane;
            probe.drawn = probe.drawn.max(drawn);
            if probe.doubt && probe.freed && latest > Some(probe.refused_at) {
                probe.took_a_slot();
            }
            // As long as anything runs, its polls bring us here again.
            probe.measured |= probe.doubt && !asking && (!running || probe.refused_at.after(MEASURED_FOR) <= now);
        }
    }

    /// Ends the probes that have found out what there is to find out.
    pub(super) fn drive_probes(&mut self) {
        if self.probes.is_empty() {
            return;
        }
        self.measure_probes();
        for number in gather(self.probes.keys()) {
            let mine = self.tasks.iter().filter(|(_, task)| task.options.probe == Some(number) && !task.settled);
            let mut left = Vec::new();
            let mut undecided = false;
            for (task, state) in mine {
                let out = state.parts.iter().any(|part| part.state.is_out() || part.task_id.is_some() || part.in_doubt);
                if !out {
                    left.push(task);
                }
                let asks =
                    |state: PartState| matches!(state, PartState::Submitting { .. } | PartState::Replaying { .. });
                undecided |= state.parts.iter().any(|part| asks(part.state));
            }
            let Some(probe) = self.probes.get_mut(&number) else { continue };
            if probe.verdict.is_none() && probe.registered >= probe.most && left.is_empty() && !undecided {
                // None is left to try with.
                probe.verdict = Some(false);
            }
            let Some(full) = probe.verdict else { continue };
            let measured = !full || probe.measured;
            left.into_iter().for_each(|task| {
                self.cancel_task(task);
            });
            if !undecided && measured {
                self.end_probe(number, full);
            }
        }
    }

    fn end_probe(&mut self, number: TaskId, full: bool) {
        let Some(probe) = self.probes.remove(&number) else { return };
        if let (Some(error), true) = (probe.error, probe.references.is_empty()) {
            return self.fail_task(number, error);
        }
        let accepted = probe.references.len() as u32;
        let lane = probe.lane.and_then(|lane| self.lanes.get(lane)).map(|slot| slot.lane.snapshot());
        let bounded = lane.filter(|lane| lane.phase != Phase::Ramp).map(|lane| lane.limit);
        let report = ProbeReport {
            ceiling: probe.drawn.filter(|drawn| *drawn > 0).or(bounded).filter(|_| full),
            accepted,
            refused: probe.refused,
            axis: probe.axis,
            cost: probe.price * f64::from(accepted),
            references: probe.references,
        };
        self.settle_with(number, Outcome::Probed(Box::new(report)));
    }

    /// The caller has lost interest: what has not been sent never is.
    pub(super) fn drop_probe(&mut self, number: TaskId) {
        if self.probes.remove(&number).is_none() {
            return;
        }
        let mine = self.tasks.iter().filter(|(_, task)| task.options.probe == Some(number) && !task.settled);
        let unsent =
            mine.filter(|(_, task)| !task.parts.iter().any(|part| part.state.is_out() || part.task_id.is_some()));
        for task in gather(unsent.map(|(task, _)| task)) {
            self.cancel_task(task);
        }
    }
}
