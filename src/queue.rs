//! Who goes next. Interactive before batch, then first come, first served; a part that comes back after a refusal keeps its place.

use crate::options::Priority;
use crate::table::Table;
use crate::task::PartId;

/// The parts that wait for one lane.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: Table<(Priority, u64), PartId>,
    counts: [usize; 2],
}

impl Queue {
    /// Adds a part at the place that its order gives it.
    pub fn insert(&mut self, priority: Priority, order: u64, part: PartId) {
        if self.waiting.insert((priority, order), part).is_none() {
            *self.counter(priority) += 1;
        }
    }

    /// Takes a part out, wherever it stands.
    pub fn remove(&mut self, priority: Priority, order: u64) {
        if self.waiting.remove(&(priority, order)).is_some() {
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

    /// The parts from the head on.
    pub fn iter(&self) -> impl Iterator<Item = PartId> + '_ {
        self.waiting.values().copied()
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
        assert_eq!(queue.iter().map(|p| p.task).collect::<Vec<_>>(), [9, 0, 1, 2]);
        queue.remove(Priority::Batch, 0);
        assert_eq!(queue.len(), 3);
        queue.insert(Priority::Batch, 0, part(0));
        assert_eq!(queue.iter().map(|p| p.task).collect::<Vec<_>>(), [9, 0, 1, 2]);
    }
}
