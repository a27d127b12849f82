//! `cargo bench -p tidegate-bench-core`: what a task costs while others wait. First the two figures that have marks, then the parts.
#![allow(clippy::print_stdout, missing_docs, reason = "it prints what it measures")]

use cpu_time::ProcessTime;
use divan::Bencher;
use divan::counter::ItemsCount;
use tidegate_bench_core::{Counting, World};

/// So many wait.
const WAITING: [usize; 3] = [1_000, 10_000, 100_000];
/// What a task may cost with the most waiting, beside the least.
const MOST_GROWTH: f64 = 1.2;
const ROUNDS: usize = 15;
const TASKS: usize = 500;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    growth();
    divan::main();
}

/// The whole life of a task, from its submit to its end: accepted, seen to run, done. In turns, so that a busy machine is busy for all; and in the
/// processor's time.
fn growth() {
    let mut worlds: Vec<World> = WAITING.iter().map(|waiting| World::with(*waiting, 1)).collect();
    let mut samples = vec![Vec::new(); worlds.len()];
    for _ in 0..ROUNDS {
        for (world, samples) in worlds.iter_mut().zip(&mut samples) {
            let begin = ProcessTime::now();
            world.turn_over(TASKS);
            samples.push(begin.elapsed().as_nanos() as f64 / TASKS as f64);
        }
    }
    let medians: Vec<f64> = samples.iter_mut().map(|samples| median(samples)).collect();
    for (waiting, cost) in WAITING.iter().zip(&medians) {
        println!("{waiting:>7} waiting: {:>6.1} µs a task", cost / 1_000.0);
    }
    if let (Some(least), Some(most)) = (medians.first(), medians.last()) {
        let growth = most / least;
        let word = if growth <= MOST_GROWTH { "within" } else { "MISSED" };
        println!("        growth: {growth:>6.2} (mark {MOST_GROWTH}: {word})");
    }
    for waiting in WAITING {
        println!(
            "{waiting:>7} waiting: {:>6} bytes each, without the request's body",
            tidegate_bench_core::memory(waiting)
        );
    }
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

/// From submit to end.
#[divan::bench(args = WAITING, sample_count = 20)]
fn a_task(bencher: Bencher<'_, '_>, waiting: usize) {
    let mut world = World::with(waiting, 1);
    bencher.counter(ItemsCount::new(100u32)).bench_local(|| world.turn_over(100));
}

/// The same with a thousand tenants.
#[divan::bench(args = WAITING, sample_count = 20)]
fn a_task_of_a_thousand_tenants(bencher: Bencher<'_, '_>, waiting: usize) {
    let mut world = World::with(waiting, 1_000);
    bencher.counter(ItemsCount::new(100u32)).bench_local(|| world.turn_over(100));
}

/// Register one and give it up.
#[divan::bench(args = WAITING, sample_count = 20, sample_size = 50)]
fn a_cancelled_task(bencher: Bencher<'_, '_>, waiting: usize) {
    let mut world = World::with(waiting, 1);
    bencher.bench_local(|| {
        let task = world.submit();
        world.cancel(task);
    });
}

/// Ask when all that wait should be over.
#[divan::bench(args = WAITING, sample_count = 20, sample_size = 10)]
fn a_word_on_the_batch(bencher: Bencher<'_, '_>, waiting: usize) {
    let world = World::with(waiting, 1);
    bencher.bench_local(|| world.rest());
}

/// Hold all that wait, and let them go on.
#[divan::bench(args = WAITING, sample_count = 3, sample_size = 1)]
fn pause_and_resume(bencher: Bencher<'_, '_>, waiting: usize) {
    let mut world = World::with(waiting, 1);
    bencher.counter(ItemsCount::new(waiting)).bench_local(|| {
        world.pause(1, true);
        world.pause(1, false);
    });
}
