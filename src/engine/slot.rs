//! A lane, and those who wait for it.

use alloc::string::String;
use alloc::vec::Vec;

use super::learning::Learning;
use super::standing::Standing;
use crate::limit::{Lane, LaneIn, NotUntil, Token};
use crate::options::Priority;
use crate::queue::{FairQueue, Place};
use crate::task::PartId;
use crate::time::Instant;

/// Leave to submit that is not used yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grant {
    pub token: Token,
    pub until: Instant,
    /// How many slots it is for.
    pub weight: u32,
}

/// A lane and those who wait for it.
#[derive(Debug)]
pub(super) struct LaneSlot {
    /// Provider, origin and account, and the model where each has limits of its own; never a key.
    pub name: String,
    /// The model whose limits they are; `None` where all models share them.
    pub model: Option<String>,
    /// The provider's place in the configuration.
    pub provider: usize,
    /// The machine.
    pub lane: Lane,
    /// Slots and windows are counted in images.
    counts_images: bool,
    /// Who waits.
    pub queue: FairQueue,
    /// Those so near the head that they may get the next permits, as of when the queue last changed or more slots were free.
    pub near: Vec<PartId>,
    /// How many were looked for then; 0 once the queue has changed.
    pub looked: usize,
    pub grants: Vec<Grant>,
    /// What the lane was last told of each band: how many wait, and how many slots the first takes.
    pub told: [(u32, u32); 2],
    /// Why there is no permit, as it said last.
    pub not_until: Option<NotUntil>,
    /// When those near the head may hear again how much longer it takes.
    pub tell_etas_at: Instant,
    /// Something happened to it since it last came to rest.
    pub changed: bool,
    /// How its latest submits fared.
    pub standing: Standing,
    /// What of it outlives the process.
    pub learning: Learning,
}

impl LaneSlot {
    /// One for which nobody waits yet; its name, and its model.
    pub fn new((name, model): (String, Option<String>), provider: usize, lane: Lane, counts_images: bool) -> LaneSlot {
        LaneSlot {
            name,
            model,
            provider,
            lane,
            counts_images,
            queue: FairQueue::default(),
            near: Vec::new(),
            looked: 0,
            grants: Vec::new(),
            told: [(0, 1); 2],
            not_until: None,
            tell_etas_at: Instant::default(),
            changed: false,
            standing: Standing::default(),
            learning: Learning::default(),
        }
    }

    /// How many slots a part takes.
    pub fn weight(&self, images: u16) -> u32 {
        if self.counts_images { u32::from(images.max(1)) } else { 1 }
    }

    /// Leave that nobody has use for goes back.
    pub fn give_back(&mut self, now: Instant) {
        if let Some(grant) = self.grants.pop() {
            self.lane.handle(now, LaneIn::Return { token: grant.token });
            self.changed = true;
        }
    }

    /// What the lane grants leave for: the first of those it was told of.
    pub fn asked_weight(&self) -> u32 {
        let [(interactive, light), (_, heavy)] = self.told;
        if interactive > 0 { light } else { heavy }
    }

    #[cfg(all(test, not(target_arch = "wasm32")))]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// How many of a band wait, and how many slots the first of them takes.
    pub fn demand(&self, band: Priority) -> (u32, u32) {
        let first = self.queue.first(band).map_or(1, |first| self.weight(first.cost));
        (self.queue.count(band) as u32, first)
    }

    /// How many go before a part; about, unless it is near the head.
    pub fn ahead(&self, id: PartId, place: &Place) -> usize {
        let near = self.near.iter().position(|near| *near == id).filter(|_| self.looked > 0);
        near.unwrap_or_else(|| self.queue.ahead(place))
    }

    /// Somebody waits for a permit.
    pub fn is_waited_for(&self) -> bool {
        self.queue.len() > 0
    }
}
