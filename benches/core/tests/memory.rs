//! A task that waits is small: there may be 100,000 of them, in a page.

use tidegate_bench_core::{Counting, memory};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_task_that_waits_takes_less_than_900_bytes() {
    for waiting in [1_000, 10_000, 100_000] {
        let bytes = memory(waiting);
        assert!((300..=900).contains(&bytes), "{bytes} bytes each of {waiting}");
    }
}
