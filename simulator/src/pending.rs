//! Answers that come later: those of synchronous providers, and refusals that take their time.

use std::sync::Arc;

use crate::faults::Hostile;
use crate::message::{Pending, Reply};
use crate::open::{Due, Open};
use crate::provider::Provider;
use crate::sketch::Sketch;
use crate::world::{Step, World};

impl World {
    /// Like [`World::handle`], for an answer that was not there yet. A ticket that the world does not know (it is a new
    /// world, or the answer was taken) is a broken connection.
    pub fn collect(&mut self, now_ms: u64, pending: &Pending) -> Reply {
        match self.resume(now_ms, pending) {
            Step::Reply(reply) => reply,
            Step::Draw(drawing) => Reply::Answer(drawing.draw()),
        }
    }

    /// The provider's own answer that was not there yet.
    pub(crate) fn serve_later(&mut self, now_ms: u64, pending: &Pending) -> Step {
        self.advance(now_ms);
        let Some(open) = self.open.get(&pending.ticket) else { return Step::Reply(Reply::Lost) };
        let is_due = match open.due {
            Due::Now(_) => true,
            Due::At(at_ms, _) => at_ms <= self.now_ms,
            Due::Task(index) => self.ends_of(index).is_some_and(|end| end <= self.now_ms),
        };
        if !is_due {
            return Step::Reply(Reply::Later(self.pending(pending.ticket)));
        }
        match self.open.remove(&pending.ticket) {
            Some(open) => self.settle(open),
            None => Step::Reply(Reply::Lost),
        }
    }

    /// Whoever waited for the provider's answer has left.
    pub(crate) fn leave(&mut self, pending: &Pending) {
        if let Some(open) = self.open.remove(&pending.ticket) {
            self.stats.abandoned += 1;
            self.forget_inputs(&open.due);
        }
    }

    /// Lets go of the images that a task worked from, where nobody can ask for its picture again.
    fn forget_inputs(&mut self, due: &Due) {
        let Due::Task(index) = due else { return };
        if let Some(task) = self.tasks.get_mut(*index).filter(|task| task.provider == Provider::OpenAi) {
            let Sketch { prompt, width, height, .. } = task.sketch.as_ref();
            task.sketch = Arc::new(Sketch::of_prompt(prompt.clone(), *width, *height));
        }
    }

    /// Keeps a request whose answer is due later.
    pub(crate) fn park(&mut self, open: Open) -> Reply {
        let ticket = self.tickets_before + open.origin.number;
        self.open.insert(ticket, open);
        Reply::Later(self.pending(ticket))
    }

    fn pending(&self, ticket: u64) -> Pending {
        let at_ms = self.open.get(&ticket).and_then(|open| match open.due {
            Due::Now(_) => Some(self.now_ms),
            Due::At(at_ms, _) => Some(at_ms),
            Due::Task(index) => self.ends_of(index).or_else(|| self.next_event()),
        });
        Pending { ticket, at_ms }
    }

    fn ends_of(&self, index: usize) -> Option<u64> {
        self.tasks.get(index).and_then(|task| task.ends_ms())
    }

    /// The answer whose time has come.
    fn settle(&mut self, open: Open) -> Step {
        if open.is_lost {
            self.stats.lost += 1;
            self.forget_inputs(&open.due);
            return Step::Reply(Reply::Lost);
        }
        let outer = std::mem::replace(&mut self.origin, open.origin);
        let step = match open.due {
            Due::Now(response) | Due::At(_, response) => Step::Reply(Reply::Answer(response)),
            Due::Task(index) => {
                let step = self.result(index, open.hostile.is_none() && open.origin.reaches);
                self.forget_inputs(&Due::Task(index));
                step
            }
        };
        let step = match (step, open.hostile) {
            (Step::Reply(Reply::Answer(response)), Some(hostile)) => {
                Step::Reply(Reply::Answer(hostile.mangle(&self.config, response)))
            }
            (Step::Draw(mut drawing), Some(Hostile::Truncated)) => {
                drawing.is_cut = true;
                Step::Draw(drawing)
            }
            (Step::Draw(drawing), Some(hostile)) => {
                Step::Reply(Reply::Answer(hostile.mangle(&self.config, drawing.head)))
            }
            (step, _) => step,
        };
        let step = self.dressed(step);
        self.origin = outer;
        step
    }
}
