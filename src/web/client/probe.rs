//! How many tasks a key takes at once, found out by real ones.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;

use super::asked::Asked;
use super::inner::Inner;
use super::options::invalid;
use super::{Error, Options, Task};
use crate::engine::{Budget, Input, Outcome, ProbeBounds};
use crate::error::{Axis, Code};
use crate::request::ImageRequest;

/// What a probe has found out.
#[non_exhaustive]
pub struct ProbeReport {
    /// Tasks that the key takes at once; `None`: not reached within the bounds, or hidden behind a limit over time (see `axis`).
    pub ceiling: Option<u32>,
    /// Submits that were accepted; each is billed.
    pub accepted: u32,
    /// Submits that were refused; they cost nothing.
    pub refused: u32,
    /// Which limit refused.
    pub axis: Option<Axis>,
    /// The most that it has cost, in US dollars.
    pub cost: f64,
    /// What was bought, each under way or done: futures of the images. Dropped, they end as any [`Task`] does.
    pub tasks: Vec<Task>,
}

impl fmt::Debug for ProbeReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ProbeReport")
            .field("ceiling", &self.ceiling)
            .field("accepted", &self.accepted)
            .field("refused", &self.refused)
            .field("axis", &self.axis)
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}

/// Begins a probe: the engine says how many tasks to make, and takes back what it didn't need.
pub(super) fn run(
    client: &Rc<Inner>,
    request: ImageRequest,
    most: u32,
    budget: Budget,
) -> impl Future<Output = Result<ProbeReport, Error>> + use<> {
    let begun = begin(client, request, most, budget);
    async move {
        let (asked, tasks) = begun?;
        let Outcome::Probed(report) = asked.await? else {
            return Err(crate::error::Error::new(Code::Protocol).into());
        };
        let is_bought = |task: &Task| {
            let key = task.idempotency_key();
            report.references.iter().any(|reference| reference.key == key)
        };
        Ok(ProbeReport {
            ceiling: report.ceiling,
            accepted: report.accepted,
            refused: report.refused,
            axis: report.axis,
            cost: report.cost,
            tasks: tasks.into_iter().filter(is_bought).collect(),
        })
    }
}

fn begin(client: &Rc<Inner>, request: ImageRequest, most: u32, budget: Budget) -> Result<(Asked, Vec<Task>), Error> {
    let request = request.checked()?;
    if most == 0 {
        return Err(invalid("max", "must be at least 1"));
    }
    if !(budget.amount.is_finite() && budget.amount > 0.0) {
        return Err(invalid("budget", "must be a positive number of US dollars"));
    }
    if request.n != 1 {
        return Err(invalid("n", "must be 1 in a probe: it counts by images"));
    }
    let owner = client.next_owner();
    let bounds = ProbeBounds { model: request.model.clone(), most, budget };
    let asked = Asked::of(client, client.inquire(owner, |task| Input::Probe { task, owner, bounds })?);
    let count = client.ask(|engine| engine.probe_size(asked.number())).unwrap_or_default();
    let options = Options::new();
    let launched = (0..count).map(|_| client.launch_for(asked.number(), &request, &options, owner));
    let tasks = launched.map(|state| Ok(Task::of(client, &state?))).collect::<Result<Vec<Task>, Error>>()?;
    Ok((asked, tasks))
}
