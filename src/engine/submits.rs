//! The submit: the one request that costs money.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Effect, Engine, Update};
use crate::error::{Error, Target};
use crate::gather::gather;
use crate::http::Purpose;
use crate::journal::Stage;
use crate::limit::{LaneIn, Token};
use crate::provider::{Image, Running, submission};
use crate::task::{CallId, PartId, PartState};

impl Engine {
    /// Sends a part's bytes. It holds a permit, and its record is in the store.
    pub(super) fn send_submit(&mut self, id: PartId, token: Token) {
        let Some(task) = self.tasks.get(&id.task) else { return };
        let Some(part) = task.parts.get(usize::from(id.index)) else { return };
        let Some(config) = self.config.providers.get(part.provider) else { return };
        if part.in_doubt && !self.may_replay(id) {
            return self.replay_too_late(id, token);
        }
        let bytes = (part.body.as_str(), part.edit, part.count);
        let request = submission(config.dialect, &config.base_url, part.provider, &part.key, bytes);
        let target = Target { provider: config.name.clone(), model: part.model.clone() };
        let lane = part.lane;
        // The same bytes again are the same try: they don't push the deadline out.
        let first = !matches!(part.state, PartState::Replaying { .. });
        let provider = part.provider;
        self.askers.get_mut(provider).into_iter().for_each(|(asker, _)| asker.submitted());
        self.note_out(id, true);
        let call = self.new_call(id, Purpose::Submit);
        let (now, wall) = (self.now, self.wall_at(self.now));
        let Some(part) = self.part_mut(id) else { return };
        part.go(PartState::Submitting { call, token });
        part.submits += 1;
        part.told = None;
        part.sent.left_at = now;
        let attempt = part.submits;
        if !part.in_doubt {
            (part.sent.submitted_at, part.sent.submitted_wall, part.sent.running_since) = (Some(now), Some(wall), None);
        }
        let watched = part.outcome.is_none();
        let refresh = core::mem::take(&mut part.refresh_next);
        let weight = self.weight(id);
        self.tell_lane(lane, LaneIn::Sent { token, weight });
        if watched && first {
            self.start_deadline(id);
        }
        if watched {
            self.effect_for(id.task, Effect::Update { task: id.task, update: Update::Submitting { target, attempt } });
        }
        self.effect_for(id.task, Effect::Send { call, part: id, purpose: Purpose::Submit, request, refresh });
        if self.is_synchronous(id) {
            // There will be no word between this and the image.
            self.tell_running(id, false, None);
        }
    }

    /// The submit's answer was the result.
    pub(super) fn answered_with_images(
        &mut self,
        id: PartId,
        (task_id, request_id): (Option<String>, Option<String>),
        images: Vec<Image>,
        usage: Vec<(String, u64)>,
    ) {
        let Some(part) = self.part_mut(id) else { return };
        (part.task_id, part.sent.request_id, part.sent.usage) = (task_id, request_id, usage);
        self.learn_duration(id);
        self.refund(id);
        self.part_succeeded(id, images);
    }

    /// The provider has it.
    pub(super) fn accepted(
        &mut self,
        id: PartId,
        token: Token,
        task_id: String,
        running: Running,
        request_id: Option<String>,
    ) {
        let now = self.now;
        let Some(part) = self.part_mut(id) else { return };
        part.task_id = Some(task_id);
        part.sent.accepted_at = Some(now);
        part.refreshed = false;
        part.sent.request_id = request_id;
        part.go(PartState::Running { token: Some(token), call: None });
        self.index_id(id);
        self.tell_accepted(id, token);
        self.probe_accepted(id);
        self.write_down(id, Stage::Submitted);
        if self.closing {
            return self.let_go(id);
        }
        self.refund(id);
        self.plan_first_poll(id);
        self.tell_running(id, running.queued, running.progress);
    }

    /// The task may run and nobody will ask: its slot is taken for as long as such tasks usually run (law 1).
    pub(super) fn haunt(&mut self, id: PartId, token: Token, error: Error) {
        let until = self.now.after(self.durations_p95(id));
        let Some(part) = self.part_mut(id) else { return };
        let lane = part.lane;
        part.in_doubt = true;
        part.go(PartState::Ghost { until, token });
        self.tell_lane(lane, LaneIn::Unknown { token, until });
        self.set_due(id, Some(until));
        self.set_patience(id, crate::time::Instant::NEVER);
        self.fail_part(id, error);
    }

    /// A submit that left nothing behind is over. If its caller had gone before, its record was kept for what it might have bought.
    pub(super) fn submit_came_to_nothing(&mut self, id: PartId, error: Error) {
        let unwatched = self.part(id).is_some_and(|part| part.outcome.is_some() && !part.in_doubt);
        if unwatched {
            self.forget_record(id);
        }
        // At its end first: what is over and bought nothing has nothing that could be resumed.
        self.end_part(id);
        self.fail_part(id, error);
    }

    /// The call of a submit on the wire, for those who cancel or take over.
    pub(super) fn submit_call(&self, id: PartId) -> Option<CallId> {
        match self.part(id)?.state {
            PartState::Submitting { call, .. } => Some(call),
            _ => None,
        }
    }

    /// Ends a part with its images; their bytes come first where they are wanted.
    pub(super) fn part_succeeded(&mut self, id: PartId, images: Vec<Image>) {
        let download = self.tasks.get(&id.task).is_some_and(|task| task.options.download);
        let now = self.now;
        let Some(watched) = self.part(id).map(|part| part.outcome.is_none()) else { return };
        // Whoever waits for it: what is paid for is kept.
        for handle in gather(images.iter().filter_map(|image| image.handle)) {
            self.effect_for(id.task, Effect::Keep { task: id.task, handle });
        }
        if watched {
            self.warn_of_barred(id.task, &images);
        }
        let Some(part) = self.part_mut(id) else { return };
        (part.sent.images, part.sent.done_at) = (images, Some(now));
        if watched && download {
            part.go(PartState::Fetching { call: None });
            self.set_patience(id, crate::time::Instant::NEVER);
            self.write_paid(id);
            return self.send_fetch(id);
        }
        self.deliver(id);
    }

    /// Says which addresses are handed over although they are not fetched from here.
    fn warn_of_barred(&mut self, number: crate::task::TaskId, images: &[Image]) {
        let Some(task) = self.tasks.get_mut(&number).filter(|_| images.iter().any(|image| image.is_barred)) else {
            return;
        };
        let message = "An image's address is not one that is fetched from here: only https addresses of public hosts are, and those of the provider's own origin. It is handed over as it came.";
        task.warnings.push(("image-address", String::from(message)));
    }
}
