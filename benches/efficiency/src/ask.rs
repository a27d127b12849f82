//! What is asked for in a run.

use tidegate::options::Priority;
use tidegate::task::TaskId;
use tidegate::time::Millis;

/// What is asked for, and what became of it.
#[derive(Clone, Debug)]
pub struct Ask {
    /// When, ms.
    pub at: Millis,
    /// By which client.
    pub client: usize,
    /// For which of the tenants.
    pub tenant: usize,
    /// Who goes first.
    pub priority: Priority,
    /// When it settled, and whether with an image.
    pub settled: Option<(Millis, bool)>,
}

/// The prompt by which the ledger knows a task.
pub fn prompt(task: TaskId) -> String {
    format!("picture {task}")
}

/// The task of a prompt.
pub fn task_of(prompt: &str) -> Option<usize> {
    prompt.strip_prefix("picture ")?.parse().ok()
}
