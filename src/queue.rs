//! Who goes next. Interactive before batch, then first come, first served; a part that comes back after a refusal keeps its place.

use alloc::vec::Vec;

use crate::gather::gather;
use crate::options::Priority;
use crate::table::Table;
use crate::task::PartId;

/// The parts that wait for one lane.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: Table<u128, PartId>,
    counts: [usize; 2],
}

/// The place of a part: bands in turn, and in a band by order.
fn place(priority: Priority, order: u64) -> u128 {
    (priority as u128) << 64 | u128::from(order)
}

impl Queue {
    /// Adds a part at the place that its order gives it.
    pub fn insert(&mut self, priority: Priority, order: u64, part: PartId) {
        if self.waiting.insert(place(priority, order), part) {
            *self.counter(priority) += 1;
        }
    }

    /// Takes a part out, wherever it stands.
    pub fn remove(&mut self, priority: Priority, order: u64) {
        if self.waiting.remove(&place(priority, order)).is_some() {
            *self.counter(priority) -= 1;
        }
    }

    fn counter(&mut self, priority: Priority) -> &mut usize {
        let [interactive, batch] = &mut self.counts;
        if priority == Priority::Interactive { interactive } else { batch }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// How many of one band wait.
    pub fn count(&self, priority: Priority) -> usize {
        let [interactive, batch] = self.counts;
        if priority == Priority::Interactive { interactive } else { batch }
    }

    /// The parts at the head, at most so many.
    pub fn heads(&self, most: usize) -> Vec<PartId> {
        gather(self.waiting.values().copied().take(most))
    }

    /// How many go before a part, as far as that is looked at: 1,000.
    pub fn position(&self, part: PartId) -> Option<usize> {
        self.waiting.values().take(1_000).position(|other| *other == part)
    }

    /// All parts from the head on.
    pub fn all(&self) -> Vec<PartId> {
        self.heads(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(task: u32) -> PartId {
        PartId { task, index: 0 }
    }

    #[test]
    fn interactive_first_then_in_order_and_a_place_is_kept() {
        let mut queue = Queue::default();
        for order in 0..3 {
            queue.insert(Priority::Batch, order, part(order as u32));
        }
        queue.insert(Priority::Interactive, 9, part(9));
        assert_eq!(queue.all().iter().map(|p| p.task).collect::<Vec<_>>(), [9, 0, 1, 2]);
        queue.remove(Priority::Batch, 0);
        assert_eq!(queue.len(), 3);
        queue.insert(Priority::Batch, 0, part(0));
        assert_eq!(queue.all().iter().map(|p| p.task).collect::<Vec<_>>(), [9, 0, 1, 2]);
    }
}
