//! The permits of a lane, and how many of them are in which state.

use super::evidence::Counts;
use super::message::Token;
use super::working::Working;
use crate::gather::gather;
use crate::table::Table;
use crate::time::{Instant, Millis};

/// A permit whose holder went silent comes back after this long: each poll that sees its task renews it.
pub const PERMIT_LIFE: Millis = 3_600_000;

/// Where a permit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Given, not used yet.
    Granted,
    /// The submit is on the wire.
    Sent,
    /// It was on the wire already when another one was refused: its answer is of the same wave, and no probe's.
    Stale,
    /// It was not refused in the time that refusals take here: it is presumed to run.
    Presumed,
    /// The task runs.
    Held,
    /// The task may run; nobody can ask.
    Ghost,
}

impl Permit {
    fn is_asking(self) -> bool {
        matches!(self, Permit::Granted | Permit::Sent | Permit::Stale)
    }
}

/// A permit.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// Where it stands.
    pub permit: Permit,
    /// How many slots of the provider it takes.
    pub weight: u32,
    /// When its submit went out.
    pub since: Instant,
    /// When its task was last known to run.
    pub seen: Instant,
    /// When it comes back by itself.
    pub until: Instant,
    /// Its task was last seen to wait at the provider.
    pub queued: bool,
    /// It went out beyond the limit, to see whether there is more.
    pub beyond: bool,
    /// Where it stood when it went out,
    pub counts: Counts,
    /// behind so many on the wire.
    pub ahead: u32,
}

impl Slot {
    /// One of weight 1 that nothing is known of.
    pub fn new(now: Instant, permit: Permit, life: Millis) -> Slot {
        Slot {
            permit,
            weight: 1,
            since: now,
            seen: now,
            until: now.after(life),
            queued: false,
            beyond: false,
            counts: Counts::default(),
            ahead: 0,
        }
    }

    /// As far as is known.
    fn works(&self) -> bool {
        !self.permit.is_asking() && !self.queued
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct Slots {
    table: Table<Token, Slot>,
    held: u32,
    asking: u32,
    queued: u32,
    granted: u32,
    unsent: u32,
    beyond: u32,
    /// What works, by age; `None` until somebody asks.
    working: Option<Working>,
    /// Nothing expires before this.
    expiry: Option<Instant>,
}

impl Slots {
    /// The provider's slots that are in use, as far as is known.
    pub fn held(&self) -> u32 {
        self.held
    }

    /// Slots that were asked for, or may be, and whose answer is not known.
    pub fn asking(&self) -> u32 {
        self.asking
    }

    /// Tasks that were last seen to wait at the provider.
    pub fn queued(&self) -> u32 {
        self.queued
    }

    /// Permits that are not used yet.
    pub fn granted(&self) -> u32 {
        self.granted
    }

    /// How many slots those take.
    pub fn unsent(&self) -> u32 {
        self.unsent
    }

    /// The slots that were asked for on the wire, and whose answer is not known.
    pub fn on_wire(&self) -> u32 {
        self.asking.saturating_sub(self.unsent)
    }

    /// Slots beyond the limit that were asked for, and whose answer is not known.
    pub fn beyond(&self) -> u32 {
        self.beyond
    }

    /// Whether there is no permit.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// A permit.
    pub fn get(&self, token: Token) -> Option<&Slot> {
        self.table.get(&token)
    }

    fn count(&mut self, token: Token, slot: Slot, sign: bool) {
        let add = |counter: &mut u32, figure: u32| {
            *counter = if sign { counter.saturating_add(figure) } else { counter.saturating_sub(figure) };
        };
        if slot.permit.is_asking() {
            add(&mut self.asking, slot.weight);
        } else {
            add(&mut self.held, slot.weight);
        }
        add(&mut self.beyond, if slot.beyond && slot.permit.is_asking() { slot.weight } else { 0 });
        add(&mut self.queued, u32::from(slot.queued));
        if let Some(working) = self.working.as_mut().filter(|_| slot.works()) {
            working.count(token, slot.weight, sign);
        }
        if slot.permit == Permit::Granted {
            add(&mut self.granted, 1);
            add(&mut self.unsent, slot.weight);
        }
    }

    /// Adds one.
    pub fn insert(&mut self, token: Token, slot: Slot) {
        self.remove(token);
        self.count(token, slot, true);
        self.note_expiry(slot.until);
        self.table.insert(token, slot);
    }

    /// Takes one out.
    pub fn remove(&mut self, token: Token) -> Option<Slot> {
        let slot = self.table.remove(&token)?;
        self.count(token, slot, false);
        Some(slot)
    }

    /// Changes one, if it is there.
    pub fn change(&mut self, token: Token, change: impl FnOnce(&mut Slot)) {
        let Some(mut slot) = self.table.get(&token).copied() else { return };
        self.count(token, slot, false);
        change(&mut slot);
        self.count(token, slot, true);
        self.note_expiry(slot.until);
        if let Some(place) = self.table.get_mut(&token) {
            *place = slot;
        }
    }

    fn note_expiry(&mut self, until: Instant) {
        self.expiry = Some(self.expiry.map_or(until, |known| known.min(until)));
    }

    /// The permits in this state, oldest first.
    pub fn in_state(&self, permit: Permit) -> impl Iterator<Item = (Token, &Slot)> {
        self.table.iter().filter(move |(_, slot)| slot.permit == permit)
    }

    /// The slots of tasks that began before this one, and are not known to wait at the provider.
    pub fn working_before(&mut self, token: Token) -> u32 {
        let table = &self.table;
        let working = self.working.get_or_insert_with(|| {
            let mut working = Working::default();
            let all = table.iter().filter(|(_, slot)| slot.works());
            all.for_each(|(token, slot)| working.count(token, slot.weight, true));
            working
        });
        let same = table.starting_at(Working::first_of(token)).take_while(|(other, _)| *other < token);
        let same = same.filter(|(_, slot)| slot.works());
        same.fold(working.before(token), |sum, (_, slot)| sum.saturating_add(slot.weight))
    }

    /// The slots of all other tasks: what is asked again under its permit may be among those held.
    pub fn held_beside(&self, token: Token) -> u32 {
        let own = self.get(token).filter(|slot| !slot.permit.is_asking()).map_or(0, |slot| slot.weight);
        self.held.saturating_sub(own)
    }

    /// When to look for what has expired.
    pub fn deadline(&self) -> Option<Instant> {
        self.expiry.filter(|_| !self.table.is_empty())
    }

    /// Takes back what nobody has renewed.
    pub fn expire(&mut self, now: Instant) {
        if self.expiry.is_none_or(|expiry| expiry > now) {
            return;
        }
        for token in gather(self.table.iter().filter(|(_, slot)| slot.until <= now).map(|(token, _)| token)) {
            self.remove(token);
        }
        self.expiry = self.table.values().map(|slot| slot.until).min();
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn slot(permit: Permit, weight: u32, until: u64) -> Slot {
        let at = Instant::from_millis(until);
        let counts = Counts::default();
        Slot { permit, weight, since: at, seen: at, until: at, queued: false, beyond: false, ahead: 0, counts }
    }

    #[test]
    fn counters_are_what_a_recount_gives() {
        const PERMITS: [Permit; 6] =
            [Permit::Granted, Permit::Sent, Permit::Stale, Permit::Presumed, Permit::Held, Permit::Ghost];
        let (mut slots, mut rng) = (Slots::default(), Rng::new(5));
        for now in 0..20_000 {
            // Some far apart, as those of another process are.
            let (token, weight) = ((rng.up_to(30) * 77) | (rng.up_to(1) << 52), rng.up_to(4) as u32);
            let permit = PERMITS[rng.up_to(5) as usize];
            let (queued, beyond) = (rng.up_to(1) == 1, rng.up_to(1) == 1);
            match rng.up_to(4) {
                0 => {
                    slots.remove(token);
                }
                1 => slots.expire(Instant::from_millis(now)),
                2 => slots.change(token, |slot| {
                    (slot.permit, slot.weight, slot.queued, slot.beyond) = (permit, weight, queued, beyond);
                }),
                _ => slots.insert(token, Slot { queued, beyond, ..slot(permit, weight, now + rng.up_to(100)) }),
            }
            let sum = |counts: &dyn Fn(&Slot) -> bool| {
                slots.table.values().filter(|slot| counts(slot)).map(|slot| slot.weight).sum::<u32>()
            };
            assert_eq!(slots.asking(), sum(&|slot| slot.permit.is_asking()));
            assert_eq!(slots.held(), sum(&|slot| !slot.permit.is_asking()));
            assert_eq!(slots.beyond(), sum(&|slot| slot.permit.is_asking() && slot.beyond));
            assert_eq!(slots.on_wire(), sum(&|slot| matches!(slot.permit, Permit::Sent | Permit::Stale)));
            assert_eq!(slots.unsent(), sum(&|slot| slot.permit == Permit::Granted));
            assert_eq!(slots.granted() as usize, slots.in_state(Permit::Granted).count());
            assert_eq!(slots.queued() as usize, slots.table.values().filter(|slot| slot.queued).count());
            if now > 5_000 {
                let works = slots.table.iter().filter(|(other, slot)| *other < token && slot.works());
                let works = works.map(|(_, slot)| slot.weight).sum::<u32>();
                assert_eq!(slots.working_before(token), works);
            }
        }
    }

    #[test]
    fn what_is_over_time_expires_and_nothing_else() {
        let mut slots = Slots::default();
        [50, 20, 90].into_iter().enumerate().for_each(|(token, until)| {
            slots.insert(token as Token, slot(Permit::Held, 2, until));
        });
        assert_eq!(slots.deadline(), Some(Instant::from_millis(20)));
        slots.expire(Instant::from_millis(19));
        assert_eq!(slots.held(), 6);
        slots.expire(Instant::from_millis(50));
        assert_eq!((slots.held(), slots.deadline()), (2, Some(Instant::from_millis(90))));
        slots.expire(Instant::NEVER);
        assert_eq!((slots.is_empty(), slots.deadline()), (true, None));
    }

    #[test]
    fn what_stands_before_is_counted_by_age() {
        let mut slots = Slots::default();
        let permits = [Permit::Held, Permit::Sent, Permit::Ghost, Permit::Granted, Permit::Held];
        permits.into_iter().enumerate().for_each(|(token, permit)| slots.insert(token as Token, slot(permit, 2, 9)));
        slots.change(0, |slot| slot.queued = true);
        assert_eq!((slots.working_before(4), slots.on_wire()), (2, 2));
        assert_eq!((slots.held_beside(4), slots.held_beside(1), slots.held_beside(77)), (4, 6, 6));
    }
}
