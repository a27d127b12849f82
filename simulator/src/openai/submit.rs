//! A request for pictures: from its arrival to the task that it becomes.

use super::Endpoint;
use super::check::{self, Order};
use super::fields::Fields;
use super::problem::Problem;
use crate::admission::Plan;
use crate::choices::{Counts, FilterStage};
use crate::hint;
use crate::limits::{Axis, Refusal};
use crate::message::{Request, Response};
use crate::open::Due;
use crate::task::Fate;
use crate::world::World;

/// The largest body that is taken, all files together.
const BODY_LIMIT: usize = 64_000_000;

impl World {
    /// Takes a request for pictures in, or says why not.
    pub(crate) fn submit_images(&mut self, endpoint: Endpoint, request: &Request) -> Due {
        self.stats.submits += 1;
        let account = match self.account(request) {
            Ok(account) => account,
            Err(key) => return Due::Now(self.openai_problem(&Problem::unauthorized(&key))),
        };
        if let Some(response) = self.openai_fault() {
            return Due::Now(response);
        }
        match self.try_submit_images(endpoint, &account, request) {
            Ok(index) => Due::Task(index),
            Err(response) => Due::Now(response),
        }
    }

    fn try_submit_images(&mut self, endpoint: Endpoint, account: &str, request: &Request) -> Result<usize, Response> {
        let provider = self.origin.provider;
        let read =
            if request.body.len() > BODY_LIMIT { Err(Problem::too_large()) } else { Fields::read(endpoint, request) };
        let checked = read.and_then(|fields| check::order(endpoint, provider, &fields, &self.config));
        let order = checked.map_err(|problem| self.openai_problem(&problem))?;
        let scope = self.scope_of(provider, account, &order.model);
        self.origin.scope = Some(scope);
        self.admit_images(account, scope, &order)?;
        let plan = Plan {
            provider,
            account,
            scope,
            model: order.model,
            route: None,
            sketch: order.sketch,
            images: order.images,
            idempotency_key: None,
            quality: order.quality,
            safety_identifier: order.safety_identifier,
        };
        if self.config.filter_stage == FilterStage::Input {
            if let Fate::Filtered { hard } = self.next_fate(&plan.sketch.prompt) {
                self.turn_away(plan);
                let problem = self.moderated(hard);
                return Err(self.openai_problem(&problem));
            }
        }
        Ok(self.accept(plan))
    }

    /// Money first: who has none is told so whatever the limits say.
    fn admit_images(&mut self, account: &str, scope: usize, order: &Order) -> Result<(), Response> {
        if !self.has_credit(self.origin.provider, account, order.images) {
            self.stats.unpaid += 1;
            let problem = Problem::unpaid(self.config.quota_code);
            return Err(self.openai_problem(&problem));
        }
        let slots = self.slots_of(order.images);
        let passed = if self.config.counts == Counts::Accepted {
            self.pass_day_and_slots(scope, slots).and_then(|()| self.pass_window(scope, true, order.images))
        } else {
            self.pass_window(scope, true, order.images).and_then(|()| self.pass_day_and_slots(scope, slots))
        };
        passed.map_err(|refusal| self.refused_images(&order.model, &refusal))
    }

    fn refused_images(&mut self, model: &str, refusal: &Refusal) -> Response {
        self.stats.refusals += 1;
        let late_ms = self.config.refuse_after_ms;
        let wait_ms = refusal.wait_ms.saturating_sub(late_ms);
        let hints = !refusal.is_for_good() && (refusal.axis != Axis::Slots || self.config.hint_slots);
        let words = hint::words(&self.config, wait_ms).filter(|_| hints);
        let mut response = self.openai_problem(&Problem::limited(model, refusal, self.config.name_axis, words));
        if hints {
            hint::add(&mut response, &self.config, wait_ms, self.wall_ms(self.now_ms + late_ms));
        }
        response
    }
}
