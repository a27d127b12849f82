//! Who is let in: credit, windows, the daily quota and slots, the same for every provider.

use std::sync::Arc;

use crate::choices::Counts;
use crate::limits::{Axis, Refusal};
use crate::provider::Provider;
use crate::random::{Stream, identifier};
use crate::sketch::Sketch;
use crate::task::{Fate, Task};
use crate::world::World;

/// A task that is about to be made.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub provider: Provider,
    pub account: &'a str,
    /// The index of its limit scope.
    pub scope: usize,
    pub model: String,
    pub route: Option<String>,
    pub sketch: Sketch,
    pub images: u32,
    pub idempotency_key: Option<&'a str>,
    /// The quality that the answer names; of OpenAI's family only, as is the next.
    pub quality: &'static str,
    pub safety_identifier: Option<String>,
}

impl World {
    /// How many slots a task of this many images holds.
    pub(crate) fn slots_of(&self, images: u32) -> u32 {
        if self.config.slots_by_image { images.max(1) } else { 1 }
    }

    /// Whether an account's credit pays for what it has bought, what is being made, and this many images more.
    pub(crate) fn has_credit(&self, provider: Provider, account: &str, images: u32) -> bool {
        let Some(credit) = self.config.credit_micro_usd else { return true };
        let mine = |task: &&Task| task.provider == provider && task.account == account;
        let open = |task: &&Task| task.charge.is_some() || task.ends_ms().is_none_or(|end| end > self.now_ms);
        let bought = self.tasks.iter().filter(mine).filter(open).map(|task| u64::from(task.images)).sum::<u64>();
        (bought + u64::from(images)) * self.config.price_micro_usd <= credit
    }

    /// Passes the rolling windows and counts the request, or refuses; refused ones count unless only accepted ones do.
    /// `images` is 0 where the provider counts requests only.
    pub(crate) fn pass_window(&mut self, scope: usize, submit: bool, images: u32) -> Result<(), Refusal> {
        let Some(limits) = self.scopes.get_mut(scope) else { return Ok(()) };
        let mut verdict = limits.window(&self.config, images, self.now_ms);
        if verdict.is_ok() {
            limits.count_in_window(&self.config, images, self.now_ms);
        } else if self.config.counts != Counts::Accepted {
            limits.count_in_window(&self.config, images, self.now_ms);
            // An honest hint knows that this very refusal takes room too.
            verdict = limits.window(&self.config, images, self.now_ms);
        }
        if let Err(refusal) = &verdict {
            *match (submit, refusal.axis) {
                (true, Axis::Images) => &mut self.stats.refused_images,
                (true, _) => &mut self.stats.refused_window,
                (false, _) => &mut self.stats.refused_polls,
            } += 1;
        }
        verdict
    }

    /// Passes the daily quota and finds a slot free, or the provider ready to queue.
    pub(crate) fn pass_day_and_slots(&mut self, scope: usize, slots: u32) -> Result<(), Refusal> {
        let wall_ms = self.wall_ms(self.now_ms);
        let Some(limits) = self.scopes.get_mut(scope) else { return Ok(()) };
        if let Err(refusal) = limits.day(&self.config, wall_ms) {
            self.stats.refused_day += 1;
            return Err(refusal);
        }
        if !self.config.queue && !limits.has_slot(&self.config, slots, self.now_ms) {
            let (limit, used) = (self.config.cap_at(self.now_ms).unwrap_or(0), limits.running);
            self.stats.refused_slots += 1;
            let wait_ms = if self.config.hint_slots { self.slot_wait(scope, slots) } else { 0 };
            return Err(Refusal { axis: Axis::Slots, wait_ms, limit, used, requested: slots });
        }
        Ok(())
    }

    /// The end that the next task would come to.
    pub(crate) fn next_fate(&self, prompt: &str) -> Fate {
        Fate::of(&self.config, self.tasks.len() as u64, prompt)
    }

    /// Makes a task, and starts it where a slot is free; gives its index.
    pub(crate) fn accept(&mut self, plan: Plan<'_>) -> usize {
        let scope = plan.scope;
        let index = self.add_task(plan);
        let slots = self.tasks.get(index).map_or(1, |task| task.slots);
        self.stats.accepted += 1;
        let mut starts = false;
        if let Some(scope) = self.scopes.get_mut(scope) {
            scope.count_in_day();
            // Whoever waits was first, also where the cap has just been raised.
            starts = scope.waiting.is_empty() && scope.has_slot(&self.config, slots, self.now_ms);
            if !starts {
                scope.waiting.push_back(index);
            }
        }
        if starts {
            self.start(index);
        }
        index
    }

    /// Takes note of a task that is refused for its content before it begins: the draws of later ones stay their own.
    pub(crate) fn turn_away(&mut self, plan: Plan<'_>) {
        let index = self.add_task(plan);
        self.stats.failed += 1;
        if let Some(task) = self.tasks.get_mut(index) {
            task.duration_ms = 0;
            task.started_ms = Some(task.created_ms);
        }
    }

    fn add_task(&mut self, plan: Plan<'_>) -> usize {
        let index = self.tasks.len();
        let duration_ms = self.duration_of(index as u64);
        let own = identifier(self.config.seed, Stream::Identifier, index as u64);
        let id = match plan.provider {
            Provider::HiApi => self.wire().task_id(&own),
            Provider::OpenAi | Provider::CreativeAi => format!("img_{own}"),
        };
        self.by_id.insert(id.clone(), index);
        self.tasks.push(Task {
            id,
            provider: plan.provider,
            account: plan.account.to_owned(),
            fate: self.next_fate(&plan.sketch.prompt),
            model: plan.model,
            route: plan.route,
            sketch: Arc::new(plan.sketch),
            images: plan.images,
            slots: self.slots_of(plan.images),
            idempotency_key: plan.idempotency_key.map(str::to_owned),
            quality: plan.quality,
            safety_identifier: plan.safety_identifier,
            created_ms: self.now_ms,
            duration_ms,
            slot_use: self.config.slot_use,
            answered_after_ms: if plan.provider == Provider::HiApi { self.config.accept_after_ms } else { duration_ms },
            started_ms: None,
            scope: plan.scope,
            charge: None,
        });
        index
    }
}
