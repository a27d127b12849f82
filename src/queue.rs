//! Who goes next: start-time fair queueing. Interactive before batch; in a band the tenants share by their weights, and within a tenant it is first come,
//! first served.
//!
//! Each tenant has a start tag: how far it has come by virtual time, in which every tenant is served at the rate of its weight. The lowest tag has the next
//! turn, and a turn moves it up by cost ÷ weight. Virtual time moves up with every turn by cost ÷ the weights of all who wait, so that whoever comes again
//! and again under new names passes nobody by (WF2Q+, Bennett and Zhang 1996, has its virtual time for the same reason).

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests;

use alloc::vec::Vec;

use crate::gather::gather;
use crate::options::{Priority, Weight};
use crate::table::{Entries, Table};
use crate::task::PartId;

/// The tag of an image at the least weight; at the greatest it is 2¹² still.
const UNIT: u64 = 1 << 32;
/// So many tenants are looked at to say how many go first.
const LOOKED_AT: usize = 100;

/// Where a part belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its band.
    pub priority: Priority,
    /// The code of its tenant's name; who shares a code shares a turn.
    pub tenant: u128,
    /// Its tenant's weight, as last told.
    pub weight: Weight,
    /// Its place within the tenant: first come, first served.
    pub order: u64,
}

/// A part that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The part.
    pub part: PartId,
    /// What its turn costs: images.
    pub cost: u16,
}

/// The parts that wait for one lane.
#[derive(Debug, Default)]
#[allow(clippy::len_without_is_empty, reason = "nobody asks")]
pub struct FairQueue {
    interactive: Band,
    batch: Band,
}

#[derive(Debug, Default)]
struct Band {
    /// By the number of their tenant, and then by order.
    waiting: Table<u128, Waiting>,
    /// By the codes of their names.
    tenants: Table<u128, Tenant>,
    /// Tenants with parts that wait, by start tag and the order of their first part.
    turns: Table<u128, u128>,
    /// Tenants without, by start tag; once virtual time has come so far, they are as good as new.
    idle: Table<u128, u128>,
    next_number: u64,
    /// Virtual time.
    time: u64,
    /// Of all tenants with parts that wait.
    weights: u64,
}

#[derive(Clone, Copy, Debug)]
struct Tenant {
    number: u64,
    weight: Weight,
    /// The start tag.
    start: u64,
    waiting: usize,
    /// The order of its first part.
    first: u64,
    /// The highest order that it has had.
    last: u64,
}

/// What a turn adds to the tag of whoever has this weight.
fn step(cost: u16, weight: u64) -> u64 {
    // Something, in any case: virtual time never stands still.
    (u64::from(cost.max(1)) * UNIT / weight.max(1)).max(1)
}

fn pair(high: u64, low: u64) -> u128 {
    u128::from(high) << 64 | u128::from(low)
}

impl Tenant {
    fn key(&self, order: u64) -> u128 {
        pair(self.number, order)
    }

    fn turn(&self) -> u128 {
        pair(self.start, self.first)
    }

    fn rest(&self) -> u128 {
        pair(self.start, self.number)
    }
}

impl Band {
    fn insert(&mut self, place: &Place, waiting: Waiting, returns: bool) {
        let mut tenant = self.tenants.get(&place.tenant).copied().unwrap_or_else(|| {
            self.next_number += 1;
            let (number, weight) = (self.next_number, place.weight);
            Tenant { number, weight, start: self.time, waiting: 0, first: place.order, last: 0 }
        });
        self.leave(&tenant);
        if tenant.waiting == 0 {
            (tenant.start, tenant.first) = (tenant.start.max(self.time), place.order);
        }
        tenant.weight = place.weight;
        if returns {
            // It was charged for a turn that came to nothing.
            tenant.start = tenant.start.saturating_sub(step(waiting.cost, tenant.weight.units()));
        }
        if self.waiting.insert(tenant.key(place.order), waiting) {
            tenant.waiting += 1;
            tenant.first = tenant.first.min(place.order);
            tenant.last = tenant.last.max(place.order);
        }
        self.take_up(place.tenant, tenant);
        self.keep_time();
    }

    /// Takes a part out. With a charge it has its turn, else it goes as if it had never come.
    fn remove(&mut self, place: &Place, charge: bool) -> Option<Waiting> {
        let mut tenant = self.tenants.get(&place.tenant).copied()?;
        let waiting = self.waiting.remove(&tenant.key(place.order))?;
        let all = self.weights;
        self.leave(&tenant);
        tenant.waiting -= 1;
        if tenant.first == place.order {
            let next = self.waiting.starting_at(tenant.key(place.order)).next();
            tenant.first = next.map_or(0, |(key, _)| key as u64);
        }
        if charge {
            self.time = self.time.max(tenant.start).saturating_add(step(waiting.cost, all));
            tenant.start = tenant.start.saturating_add(step(waiting.cost, tenant.weight.units()));
        }
        self.take_up(place.tenant, tenant);
        self.keep_time();
        Some(waiting)
    }

    /// Turns that were given back must not leave time ahead of everybody: whoever comes now comes behind nobody who waits with as much right. Whoever is as
    /// good as new is forgotten, and with nobody left there is nobody to be fair to.
    fn keep_time(&mut self) {
        let tag = |key: u128| (key >> 64) as u64;
        self.time = self.time.min(self.turns.last().map_or(u64::MAX, tag));
        let (time, nobody) = (self.time, self.turns.is_empty());
        while let Some(rest) = self.idle.first().filter(|rest| nobody || tag(*rest) <= time) {
            let name = self.idle.remove(&rest);
            name.into_iter().for_each(|name| self.tenants.remove(&name).map_or((), drop));
        }
    }

    /// Takes a tenant out of its row.
    fn leave(&mut self, tenant: &Tenant) {
        if tenant.waiting > 0 {
            self.turns.remove(&tenant.turn());
            self.weights -= tenant.weight.units();
        } else {
            self.idle.remove(&tenant.rest());
        }
    }

    /// Puts a tenant into the row where it belongs.
    fn take_up(&mut self, name: u128, tenant: Tenant) {
        if tenant.waiting > 0 {
            self.turns.insert(tenant.turn(), name);
            self.weights += tenant.weight.units();
        } else {
            self.idle.insert(tenant.rest(), name);
        }
        self.tenants.insert(name, tenant);
    }

    /// The parts of a tenant from the first on.
    fn parts_of(&self, tenant: &Tenant) -> Entries<'_, u128, Waiting> {
        self.waiting.starting_at(tenant.key(tenant.first))
    }

    /// Adds those who would have the next turns, if nobody came in between.
    fn heads(&self, most: usize, heads: &mut Vec<Waiting>) {
        if self.turns.len() == 1 {
            for waiting in self.waiting.values() {
                if heads.len() >= most {
                    return;
                }
                heads.push(*waiting);
            }
            return;
        }
        let mut turns = self.turns.iter();
        let mut newcomer = turns.next();
        // Those who had a turn in this look ahead, by their next.
        let mut again: Table<u128, (Tenant, Waiting, Entries<'_, u128, Waiting>)> = Table::default();
        while heads.len() < most {
            let next = again.first();
            let old = match newcomer.filter(|(turn, _)| next.is_none_or(|next| *turn < next)) {
                Some((_, name)) => {
                    newcomer = turns.next();
                    let tenant = self.tenants.get(name);
                    tenant.and_then(|tenant| {
                        let mut parts = self.parts_of(tenant);
                        Some((*tenant, *parts.next()?.1, parts))
                    })
                }
                None if next.is_none() => return,
                None => next.and_then(|next| again.remove(&next)),
            };
            let Some((mut tenant, waiting, mut parts)) = old else { continue };
            heads.push(waiting);
            tenant.start = tenant.start.saturating_add(step(waiting.cost, tenant.weight.units()));
            if let Some((key, waiting)) = parts.next().filter(|(key, _)| (key >> 64) as u64 == tenant.number) {
                tenant.first = key as u64;
                again.insert(tenant.turn(), (tenant, *waiting, parts));
            }
        }
    }

    /// About how many go before a part: exact as long as one tenant waits, none of whose parts has gone out of its turn, and each costs the same.
    fn ahead(&self, place: &Place) -> usize {
        let Some(own) = self.tenants.get(&place.tenant) else { return 0 };
        // In between by its order: they come one after the other, and those who went away are of all.
        let among = own.last.saturating_sub(own.first).max(1);
        let rank = place.order.saturating_sub(own.first).min(among) * own.waiting.saturating_sub(1) as u64 / among;
        let rank = rank as usize;
        let tag = own.start.saturating_add(step(1, own.weight.units()).saturating_mul(rank as u64));
        let mut ahead = rank;
        for (_, name) in self.turns.iter().take(LOOKED_AT) {
            let Some(other) = self.tenants.get(name).filter(|other| other.number != own.number) else { continue };
            let turns = tag.saturating_sub(other.start) / step(1, other.weight.units());
            ahead += other.waiting.min(turns as usize + usize::from(other.start <= tag));
        }
        ahead
    }
}

impl FairQueue {
    fn band(&self, priority: Priority) -> &Band {
        if priority == Priority::Interactive { &self.interactive } else { &self.batch }
    }

    fn band_mut(&mut self, priority: Priority) -> &mut Band {
        if priority == Priority::Interactive { &mut self.interactive } else { &mut self.batch }
    }

    /// Adds a part. One that `returns` was taken before and came to nothing: its tenant gets back what that turn cost, and it has its old place.
    pub fn insert(&mut self, place: &Place, waiting: Waiting, returns: bool) {
        self.band_mut(place.priority).insert(place, waiting, returns);
    }

    /// Takes a part out, wherever it stands: nobody is charged.
    pub fn remove(&mut self, place: &Place) -> Option<Waiting> {
        self.band_mut(place.priority).remove(place, false)
    }

    /// A part has its turn, for which its tenant is charged.
    pub fn take(&mut self, place: &Place) -> Option<Waiting> {
        self.band_mut(place.priority).remove(place, true)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.interactive.waiting.len() + self.batch.waiting.len()
    }

    /// How many of one band wait.
    pub fn count(&self, priority: Priority) -> usize {
        self.band(priority).waiting.len()
    }

    /// Who has the next turn of a band.
    pub fn first(&self, priority: Priority) -> Option<Waiting> {
        let band = self.band(priority);
        let (_, name) = band.turns.iter().next()?;
        band.parts_of(band.tenants.get(name)?).next().map(|(_, waiting)| *waiting)
    }

    /// Those who would have the next turns, at most so many.
    pub fn heads(&self, most: usize) -> Vec<Waiting> {
        let mut heads = Vec::new();
        self.interactive.heads(most, &mut heads);
        self.batch.heads(most, &mut heads);
        heads
    }

    /// About how many go before a part.
    pub fn ahead(&self, place: &Place) -> usize {
        let before = if place.priority == Priority::Batch { self.interactive.waiting.len() } else { 0 };
        before + self.band(place.priority).ahead(place)
    }

    /// All parts, in no order that means anything.
    pub fn all(&self) -> Vec<PartId> {
        gather(self.interactive.waiting.values().chain(self.batch.waiting.values()).map(|waiting| waiting.part))
    }
}
