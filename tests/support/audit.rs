//! The truth about money, from the world's ledger.

use std::collections::{BTreeMap, BTreeSet};

use tidegate::engine::Outcome;
use tidegate::error::{Billed, Code};

use super::sim::Sim;
use super::store::prompt;

/// Never more than one charge for an image that was asked for, and every charge delivered, resumable or told.
pub fn money(sim: &Sim) {
    let mut by_key: BTreeMap<&str, u32> = BTreeMap::new();
    let mut by_prompt: BTreeMap<&str, u32> = BTreeMap::new();
    for charge in sim.world.ledger() {
        *by_prompt.entry(&charge.prompt).or_default() += charge.images;
        if let Some(key) = &charge.idempotency_key {
            *by_key.entry(key).or_default() += 1;
        }
    }
    let twice: Vec<_> = by_key.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "charged twice: {twice:?}");
    for (prompt, count) in by_prompt {
        let asked = sim.prompts.values().find(|(known, _)| known == prompt).map_or(0, |(_, n)| u32::from(*n));
        let asked = sim
            .prompts
            .values()
            .filter(|(known, _)| known == prompt)
            .map(|(_, n)| u32::from(*n))
            .max()
            .unwrap_or(asked);
        assert!(count <= asked, "{prompt}: {count} charges for {asked} images");
    }
    every_charge_is_accounted_for(sim);
}

fn every_charge_is_accounted_for(sim: &Sim) {
    let mut delivered = BTreeSet::new();
    let mut told = BTreeSet::new();
    for end in &sim.settled {
        match &end.outcome {
            Outcome::Succeeded(success) => {
                delivered.extend(
                    success.images.iter().filter_map(|image| image.url.clone()).filter_map(|url| task_in(&url)),
                );
                // Images that came in the answer itself have no address to know them by.
                if success.images.iter().any(|image| image.is_here()) {
                    told.insert(end.prompt.clone());
                }
                if success.failures.iter().any(|(_, error)| error.billed != Billed::No) {
                    told.insert(end.prompt.clone());
                }
            }
            Outcome::Failed(error, _) | Outcome::Cancelled(error, _) if error.billed != Billed::No => {
                told.insert(end.prompt.clone());
            }
            _ => {}
        }
    }
    let records = sim.store.all();
    for charge in sim.world.ledger() {
        let written = records.iter().any(|record| {
            record.task_id.as_deref() == Some(charge.task_id.as_str())
                || charge.idempotency_key.as_deref() == Some(record.key.as_str())
                || !record.body.is_empty() && prompt(&record.body) == charge.prompt
        });
        let known = delivered.contains(&charge.task_id) || told.contains(&charge.prompt) || written;
        assert!(known, "a silent charge: {charge:?}\n{:#?}", sim.settled);
    }
}

/// The provider's id of the task in an image's address.
pub fn task_in(url: &str) -> Option<String> {
    let name = url.split("/images/").nth(1)?.split(".png").next()?;
    // A synchronous provider's pictures of one task are numbered.
    let name = if name.starts_with("img_") { name.split('-').next()? } else { name };
    Some(String::from(name))
}

/// Every task that was accepted ended exactly once for its caller, and nothing is left of it: no permit, no timer, no part.
pub fn rest(sim: &Sim) {
    let mut ends: BTreeMap<u32, u32> = BTreeMap::new();
    sim.settled.iter().for_each(|end| *ends.entry(end.task).or_default() += 1);
    assert!(ends.values().all(|count| *count == 1), "settled twice: {ends:?}");
    if sim.generation == 0 {
        for task in sim.prompts.keys() {
            assert!(ends.contains_key(task), "task {task} never settled");
        }
    }
    assert_eq!(sim.engine.counts(), (0, 0));
    assert!(sim.engine.lanes().all(|(_, _, lane)| lane.held == 0), "permits are missing: {:?}", sim.engine);
}

/// What a failed or cancelled task's error was.
pub fn code(outcome: &Outcome) -> Option<Code> {
    match outcome {
        Outcome::Failed(error, _) | Outcome::Cancelled(error, _) => Some(error.code),
        _ => None,
    }
}

/// Whether money is said to have gone.
pub fn billed(outcome: &Outcome) -> Option<Billed> {
    match outcome {
        Outcome::Failed(error, _) | Outcome::Cancelled(error, _) => Some(error.billed),
        _ => None,
    }
}
