//! The windows of a lane: those that the caller told of, those that headers tell of, and those that refusals betray.

use super::message::{Known, NotUntil, Wait, Window};
use super::settings::Limits;
use super::window::{Counter, Rolling, Taken};
use crate::retry::hint::Rate;
use crate::time::{Instant, Millis};

/// What providers mean by "a minute".
pub const MINUTE: Millis = 60_000;
const DAY: Millis = 86_400_000;

/// What the provider's own headers leave, and until when that holds.
#[derive(Clone, Copy, Debug)]
struct Room {
    left: u32,
    until: Instant,
}

/// All windows of a lane.
#[derive(Debug)]
pub struct Windows {
    now: Instant,
    accepted_minute: Counter,
    all_minute: Counter,
    accepted_day: Counter,
    /// What lanes beside this one had accepted: other models of the same key.
    beside_minute: Counter,
    /// So many a minute.
    pub minute: Option<Rolling>,
    day: Option<Rolling>,
    header: Option<(Window, Instant)>,
    room: Option<Room>,
}

impl Windows {
    /// What the caller says.
    pub fn new(limits: &Limits) -> Windows {
        Windows {
            now: Instant::default(),
            accepted_minute: Counter::new(MINUTE),
            all_minute: Counter::new(MINUTE),
            accepted_day: Counter::new(DAY),
            beside_minute: Counter::new(MINUTE),
            minute: limits.rpm.map(Rolling::told),
            day: limits.rpd.map(Rolling::told),
            header: None,
            room: None,
        }
    }

    /// The latest instant that was heard of.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Time goes on.
    pub fn go_on(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.room = self.room.filter(|room| room.until > now);
        if let Some((window, _)) = self.header.as_mut().filter(|(_, reset)| *reset <= now) {
            window.used = 0;
        }
    }

    /// Accepted in the last minute, answered in the last minute, and accepted in it of the whole key.
    pub fn counts(&mut self, now: Instant) -> [u32; 3] {
        let minute = self.accepted_minute.count(now);
        let key = minute.saturating_add(self.beside_minute.count(now));
        [minute, self.all_minute.count(now), key]
    }

    /// A submit goes out.
    pub fn sent(&mut self, weight: u32) {
        if let Some(room) = &mut self.room {
            room.left = room.left.saturating_sub(weight);
        }
    }

    /// A submit of another model of the same key was accepted.
    pub fn accepted_beside(&mut self, now: Instant, weight: u32) {
        self.beside_minute.add(now, weight);
    }

    /// The same, of all that another model had accepted in the last minute.
    pub fn come_beside(&mut self, other: &Windows) {
        self.beside_minute.add_all(&other.accepted_minute);
    }

    /// A poll goes out, where polls count as submits do.
    pub fn asked(&mut self, now: Instant) {
        self.all_minute.add(now, 1);
        self.sent(1);
    }

    /// A submit was accepted. Says whether a window that was suspected is gone by that.
    pub fn accepted(&mut self, now: Instant, weight: u32) -> bool {
        let full = self.minute.filter(|window| self.minute_used(now, window.taken) >= window.limit);
        if let Some(window) = self.minute.as_mut().filter(|window| full.is_some() && window.known == Known::Confirmed) {
            window.grow(now);
        }
        // What goes through a window that is full shows that there is none.
        let is_gone = full.is_some_and(|window| window.known == Known::Suspected);
        self.minute = self.minute.filter(|_| !is_gone);
        self.answered(now, weight, true);
        is_gone
    }

    /// A submit was answered in a way that says nothing of limits; it may have been accepted. Providers count it all the same.
    pub fn answered(&mut self, now: Instant, weight: u32, perhaps_accepted: bool) {
        self.all_minute.add(now, weight);
        if perhaps_accepted {
            self.accepted_minute.add(now, weight);
            if self.day.is_some() {
                self.accepted_day.add(now, weight);
            }
        }
    }

    /// One that was presumed to be accepted at that time was not.
    pub fn take_back(&mut self, now: Instant, presumed: Instant, weight: u32) {
        for counter in [&mut self.accepted_minute, &mut self.all_minute, &mut self.accepted_day] {
            counter.take_back(now, presumed, weight);
        }
    }

    /// A submit was refused, perhaps where there was room for more tasks at once. Says whether the window of a minute explains that.
    pub fn refused(&mut self, now: Instant, weight: u32, has_slots: bool) -> bool {
        let all = self.all_minute.count(now);
        let accepted = self.accepted_minute.count(now);
        if let Some(window) = &mut self.minute {
            // Too early by what was accepted, and on time by all that was asked: it is those that count.
            if window.taken == Taken::Accepted
                && accepted < window.limit
                && all >= window.limit
                && has_slots
                && window.is_inferred()
            {
                window.taken = Taken::All;
            }
        }
        let used = self.minute.map_or(0, |window| self.minute_used(now, window.taken));
        let is_explained = |window: &&mut Rolling| used >= window.limit || (has_slots && window.may_be(used));
        let explained = self.minute.as_mut().filter(is_explained).map(|window| window.confirm(now, used)).is_some();
        // What refuses with so much less in it than when it was found is no window.
        let is_none = |window: &Rolling| has_slots && window.is_inferred() && used <= window.limit / 2;
        self.minute = self.minute.filter(|window| explained || !is_none(window));
        self.all_minute.add(now, weight);
        explained
    }

    /// There was a refusal that the window of a minute doesn't explain: if it was only suspected, it is not there.
    pub fn doubt(&mut self) {
        self.minute = self.minute.filter(|window| window.known != Known::Suspected);
    }

    fn minute_used(&mut self, now: Instant, taken: Taken) -> u32 {
        match taken {
            Taken::Accepted => self.accepted_minute.count(now),
            Taken::All => self.all_minute.count(now),
            Taken::Key => self.accepted_minute.count(now).saturating_add(self.beside_minute.count(now)),
        }
    }

    /// When the oldest of this minute leaves it.
    pub fn first_leaves_at(&self, taken: Taken) -> Option<Instant> {
        let own = if taken == Taken::All { &self.all_minute } else { &self.accepted_minute };
        let beside = self.beside_minute.first_leaves_at().filter(|_| taken == Taken::Key);
        own.first_leaves_at().into_iter().chain(beside).min()
    }

    /// When there may be room for one more in the minute.
    fn minute_room_at(&self, taken: Taken, limit: u32) -> Option<Instant> {
        match taken {
            Taken::Accepted => self.accepted_minute.room_at(limit),
            Taken::All => self.all_minute.room_at(limit),
            // Looked at again whenever one leaves, of whichever model.
            Taken::Key => self.first_leaves_at(taken),
        }
    }

    /// The provider's own count is better than any of ours: what it leaves is kept to, and where that is nothing, nobody asks. Says for how long.
    pub fn rated(&mut self, now: Instant, rate: Rate, asking: u32) -> Option<Millis> {
        let used = rate.limit.saturating_sub(rate.remaining);
        let window = Window { limit: rate.limit, used, length: rate.reset, known: Known::Header };
        self.header = Some((window, now.after(rate.reset)));
        self.room = None;
        if rate.reset == 0 {
            return None;
        }
        // A limit over more than a minute comes back little by little (OpenAI's 200 a day are one every 7m12s): where a provider's doesn't, one refusal tells.
        let first = rate.reset / u64::from(rate.limit.max(1));
        let wait = rate.reset.min(first.max(MINUTE));
        if rate.remaining == 0 {
            return Some(wait);
        }
        self.room = Some(Room { left: rate.remaining.saturating_sub(asking), until: now.after(wait) });
        None
    }

    /// Nothing more of this weight may go out for the sake of a window, beside so much whose answer is awaited, of which so much has not gone out.
    pub fn obstacle(&mut self, now: Instant, (asking, unsent): (u32, u32), weight: u32) -> Result<(), NotUntil> {
        let full = |at: Option<Instant>| Err(NotUntil { wait: Wait::Window, at, hinted: false });
        // What is heavier than the whole window goes when it is empty.
        let is_full =
            |used: u32, limit: u32| used.max(asking) > 0 && used.saturating_add(asking).saturating_add(weight) > limit;
        let left = |limit: u32| limit.saturating_sub(asking.saturating_add(weight - 1)).max(1);
        if let Some(room) = self.room.filter(|room| room.left < unsent.saturating_add(weight)) {
            return full(Some(room.until));
        }
        if let Some(window) = self.minute {
            let doubted = window.doubt_at <= now && asking == 0;
            if is_full(self.minute_used(now, window.taken), window.limit) && !doubted {
                let at = self.minute_room_at(window.taken, left(window.limit));
                return full(at.map(|at| if asking == 0 { at.min(window.doubt_at) } else { at }));
            }
        }
        if let Some(window) = self.day.filter(|window| is_full(self.accepted_day.count(now), window.limit)) {
            return full(self.accepted_day.room_at(left(window.limit)));
        }
        Ok(())
    }

    /// The tightest limit over time: what is sure before what is not.
    pub fn tightest(&self) -> Option<Window> {
        let shown = |window: Rolling, used: u32, length: Millis| Window {
            limit: window.limit,
            used: used.min(window.limit),
            length,
            known: window.known,
        };
        let minute = self.minute.map(|window| {
            let used = match window.taken {
                Taken::Accepted => self.accepted_minute.total(),
                Taken::All => self.all_minute.total(),
                Taken::Key => self.accepted_minute.total().saturating_add(self.beside_minute.total()),
            };
            shown(window, used, MINUTE)
        });
        let day = self.day.map(|window| shown(window, self.accepted_day.total(), DAY));
        self.header.map(|(window, _)| window).or(minute).or(day)
    }

    /// What is worth keeping.
    pub fn learned(&self) -> Option<(u32, Millis)> {
        let inferred = |window: &Rolling| window.known == Known::Confirmed;
        self.minute.filter(inferred).map(|window| (window.limit, MINUTE))
    }

    /// Begins with what an earlier process found out, unless something is known already.
    pub fn recall(&mut self, now: Instant, window: Option<(u32, Millis)>) {
        if let Some((limit, _)) = window.filter(|(_, length)| *length == MINUTE && self.minute.is_none()) {
            self.minute = Some(Rolling::inferred(limit, Taken::Accepted, Known::Suspected, now));
        }
    }
}
