//! Which polls go out: not before the provider wants them, not beyond the connections that the host has, and one for many where there is a list.

use alloc::vec::Vec;

use super::timers::Timer;
use super::{Effect, Engine, id_code};
use crate::gather::gather;
use crate::http::{Answer, Purpose};
use crate::limit::{Counts, LaneIn};
use crate::provider::{Shown, list_request, read_list};
use crate::retry::hint::retry_after;
use crate::table::at;
use crate::task::{CallId, OwnerId, Part, PartId, PartState};
use crate::time::{Instant, Millis};

/// So many polls of one provider that fall due together are one list; each end that it shows costs a poll of its own.
const LIST_FROM: usize = 6;
/// The same where polls are dear: they keep their distance, or there is no connection for each.
const LIST_FROM_WHERE_DEAR: usize = 2;
/// Of quicker tasks, ms, the round trip more that a list costs is too much.
const LIST_LEAST_DURATION: Millis = 4_000;
/// How far apart polls are that fall due together, ms: what is asked earlier is asked after sooner again.
const TOGETHER: Millis = 250;
/// A list that takes longer than this is no help; the tasks that wait for it are asked after one by one.
const LIST_PATIENCE: Millis = 3_000;
/// A list that failed, or that showed none of those that were asked for, is not asked for again for so long.
const LIST_PAUSE: Millis = 60_000;
/// An owner that isn't here finds out by itself that a connection is free.
const LOOK_FOR_CONNECTION: Millis = 250;

/// A provider's list of its tasks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum List {
    /// Nothing speaks against it.
    #[default]
    Usable,
    /// It has been asked for.
    Asked {
        /// The call.
        call: CallId,
        /// When.
        at: Instant,
    },
    /// It was no help; not before then.
    Useless {
        /// For good, if it can't be read.
        until: Instant,
    },
}

/// A part that runs and is not being asked after.
fn is_idle(part: &Part) -> bool {
    matches!(part.state, PartState::Running { call: None, .. })
}

impl Engine {
    /// A part's poll is due.
    pub(super) fn send_poll(&mut self, id: PartId) {
        if self.may_ask(id) && !self.is_too_early(id) && !self.ask_for_all(id) {
            self.ask(id);
        }
    }

    /// Whether a part can be asked after now; else it is due when its provider wants to be asked again.
    fn may_ask(&mut self, id: PartId) -> bool {
        let Some(part) = self.part(id).filter(|part| is_idle(part)) else { return false };
        let not_before = self.askers.get(part.provider).map_or(self.now, |(asker, _)| asker.not_before());
        if not_before > self.now {
            self.set_due(id, Some(not_before));
        }
        not_before <= self.now
    }

    /// Asks after one task, as soon as there is a connection for it.
    fn ask(&mut self, id: PartId) {
        let Some(owner) = self.tasks.get(&id.task).map(|task| task.owner) else { return };
        if self.may_ask(id) {
            if self.has_connection(owner) {
                self.set_due(id, None);
                return self.send_one_poll(id);
            }
            let ripe = self.part(id).map_or(self.now, |part| part.sent.ripe);
            self.held_polls.insert(at(ripe, id.code()), id);
            self.set_due(id, Some(self.now.after(LOOK_FOR_CONNECTION)));
        }
    }

    /// Whether another poll leaves connections for submits. Two thirds are for polls and images: of the six of a Worker's request, four.
    fn has_connection(&self, owner: OwnerId) -> bool {
        let most = self.config.connections;
        let others = || self.calls.values().filter(|call| call.owner == owner && call.purpose != Purpose::Submit);
        most == 0 || others().count() < ((most as usize).saturating_mul(2) / 3).max(1)
    }

    /// Sends the polls that waited for a connection, the one that was due first first.
    pub(super) fn release_polls(&mut self) {
        for code in gather(self.held_polls.keys()) {
            let Some(id) = self.held_polls.get(&code).copied() else { continue };
            if !self.part(id).is_some_and(is_idle) {
                self.held_polls.remove(&code);
            } else if self.is_here(id.task) {
                if !self.has_connection(self.context) {
                    return;
                }
                self.held_polls.remove(&code);
                self.ask(id);
            }
        }
    }

    /// Whether this poll is left to a list: there is one on the way, or so many are due that it is worth one.
    fn ask_for_all(&mut self, id: PartId) -> bool {
        let Some(provider) = self.part(id).filter(|part| !part.sent.shown_over).map(|part| part.provider) else {
            return false;
        };
        let Some(owner) = self.tasks.get(&id.task).map(|task| task.owner) else { return false };
        let Some((asker, list)) = self.askers.get(provider).copied() else { return false };
        let Some(config) = self.config.providers.get(provider) else { return false };
        let Some(request) = list_request(config.dialect, &config.base_url, provider) else { return false };
        match list {
            List::Useless { until } if until > self.now => return false,
            List::Asked { call, at } => {
                // Connections are their owner's.
                let shared = self.calls.get(&call).is_some_and(|call| call.owner == owner);
                let until = at.after(LIST_PATIENCE);
                if shared && until > self.now {
                    self.set_due(id, Some(until));
                }
                return shared && until > self.now;
            }
            List::Usable | List::Useless { .. } => {}
        }
        let dear = asker.keeps_distance() || !self.has_connection(owner);
        if !dear && self.usual_duration(id) < LIST_LEAST_DURATION {
            return false;
        }
        let enough = if dear { LIST_FROM_WHERE_DEAR } else { LIST_FROM };
        let mut due = self.due_polls(owner, provider, self.now.after(TOGETHER));
        if asker.keeps_distance() && asker.next_list() > self.now && !due.is_empty() {
            self.set_due(id, Some(asker.next_list()));
            return true;
        }
        if due.len() + 1 < enough {
            return false;
        }
        due.push(id);
        let call = self.new_call(id, Purpose::List);
        let now = self.now;
        let lane = self.part(id).map_or(0, |part| part.lane);
        self.count_poll(provider, lane);
        if let Some((asker, list)) = self.askers.get_mut(provider) {
            asker.listed(now, due.len());
            *list = List::Asked { call, at: now };
        }
        for id in due {
            if let Some(part) = self.part_mut(id) {
                // What the list doesn't show is asked after by itself.
                part.sent.ripe = part.sent.ripe.min(now);
            }
            self.set_due(id, Some(now.after(LIST_PATIENCE)));
        }
        self.effect_for(id.task, Effect::Send { call, part: id, purpose: Purpose::List, request, refresh: false });
        true
    }

    /// A poll goes out: others keep their distance, and where it counts the lane hears of it.
    pub(super) fn count_poll(&mut self, provider: usize, lane: usize) {
        let now = self.now;
        if let Some((asker, _)) = self.askers.get_mut(provider) {
            asker.asked(now);
        }
        let limits = self.config.providers.get(provider).map(|config| &config.limits);
        // Of a window that was told the lane has its share, whatever polls do.
        if limits.is_some_and(|limits| limits.counts == Counts::Request && limits.rpm.is_none()) {
            self.tell_lane(lane, LaneIn::Asked);
        }
    }

    /// The provider of a list on the wire, and when it was asked for.
    fn take_list(&mut self, number: CallId, then: List) -> Option<(usize, Instant)> {
        let asked = |(_, list): &(_, List)| matches!(list, List::Asked { call, .. } if *call == number);
        let provider = self.askers.iter().position(asked)?;
        let (_, list) = self.askers.get_mut(provider)?;
        match core::mem::replace(list, then) {
            List::Asked { at, .. } => Some((provider, at)),
            _ => None,
        }
    }

    /// A list came. It is a hint only: what it shows to be over is asked after by itself, and so is what it doesn't show.
    pub(super) fn list_answered(&mut self, number: CallId, answer: &Answer) {
        let passing = answer.status == 429 || answer.status >= 500;
        let Some((provider, asked_at)) = self.take_list(number, List::Usable) else { return };
        let Some(config) = self.config.providers.get(provider) else { return };
        let rows = read_list(config.dialect, answer);
        let hint = retry_after(answer, self.wall.1).unwrap_or(0);
        let now = self.now;
        if let Some((asker, list)) = self.askers.get_mut(provider) {
            if answer.status == 429 {
                asker.refused(now, hint);
            } else if rows.is_none() {
                *list = List::Useless { until: if passing { now.after(LIST_PAUSE) } else { Instant::NEVER } };
            }
        }
        let Some(rows) = rows else { return self.ask_one_by_one(provider) };
        let mut helps = false;
        for (shown, shown_as) in rows {
            let Some(id) = self.idle_part(provider, &shown) else { continue };
            let Some(part) = self.part(id) else { continue };
            let (token, lane, was_due) = (part.state.token(), part.lane, part.sent.ripe <= now);
            helps = true;
            if shown_as == Shown::Over {
                if let Some(part) = self.part_mut(id) {
                    part.sent.shown_over = true;
                }
                self.ask(id);
                continue;
            }
            let queued = shown_as == Shown::Queued;
            if let Some(token) = token {
                self.tell_lane(lane, LaneIn::Seen { token, queued });
            }
            self.seen_running(id, asked_at, queued);
            if was_due {
                self.list_again(id);
                self.tell_running(id, queued, None);
            }
        }
        if let Some((_, list)) = self.askers.get_mut(provider).filter(|_| !helps) {
            *list = List::Useless { until: now.after(LIST_PAUSE) };
        }
        self.ask_one_by_one(provider);
    }

    /// No list came: each is asked after by itself.
    pub(super) fn list_failed(&mut self, number: CallId) {
        if let Some((provider, _)) = self.take_list(number, List::Useless { until: self.now.after(LIST_PAUSE) }) {
            self.ask_one_by_one(provider);
        }
    }

    /// Those whose polls were left to a list, and that are still to be asked after.
    fn ask_one_by_one(&mut self, provider: usize) {
        for id in self.due_polls(self.context, provider, self.now.after(LIST_PATIENCE)) {
            if self.part(id).is_some_and(|part| part.sent.ripe <= self.now) {
                self.ask(id);
            }
        }
    }

    /// The parts of an owner at a provider that are to be asked after until then.
    fn due_polls(&self, owner: OwnerId, provider: usize, until: Instant) -> Vec<PartId> {
        let mut due = Vec::new();
        let Some(state) = self.owners.get(&owner) else { return due };
        for code in state.timers.keys().take_while(|code| *code <= at(until, u64::MAX)) {
            if let Timer::Due(id) = Timer::of(code as u64) {
                if self.part(id).is_some_and(|part| part.provider == provider && is_idle(part) && !part.sent.shown_over)
                {
                    due.push(id);
                }
            }
        }
        due
    }

    /// The part that a provider knows by this id, if it runs and is not being asked after.
    fn idle_part(&self, provider: usize, id: &str) -> Option<PartId> {
        let task = *self.keys.get(&id_code(provider, id))?;
        let is_it = |part: &Part| part.provider == provider && part.task_id.as_deref() == Some(id) && is_idle(part);
        let index = self.tasks.get(&task)?.parts.iter().position(is_it)?;
        Some(PartId { task, index: index as u16 })
    }
}
