//! `cargo bench -p tidegate-bench-core`.
#![allow(clippy::print_stdout, clippy::indexing_slicing, reason = "it prints what it measures")]

use cpu_time::ProcessTime;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use tidegate::options::Priority;
use tidegate_bench_core::World;

/// Counts the bytes that are in use.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is done by the system's allocator; only a number is kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as our caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as our caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn full(waiting: usize, tenants: usize) -> World {
    let mut world = World::new(Priority::Interactive, tenants);
    (0..waiting).for_each(|_| {
        world.submit();
    });
    world
}

fn main() {
    for waiting in [1_000, 10_000, 100_000] {
        let before = IN_USE.load(Ordering::Relaxed);
        let begin = ProcessTime::now();
        let mut world = full(waiting, 1);
        let filled = begin.elapsed().as_nanos() as usize / waiting;
        let bytes = (IN_USE.load(Ordering::Relaxed) - before) / waiting;
        let tasks = 1_000;
        let mut samples: Vec<usize> = (0..5)
            .map(|_| {
                let begin = ProcessTime::now();
                world.turn_over(tasks);
                begin.elapsed().as_nanos() as usize / tasks
            })
            .collect();
        samples.sort_unstable();
        let begin = ProcessTime::now();
        for number in 0..500u32 {
            world.cancel(waiting as u32 - (number * 7919) % (waiting as u32 / 2));
        }
        let cancelled = begin.elapsed().as_nanos() as usize / 500;
        println!(
            "{waiting:>7} waiting: {:>7} ns a task, {filled:>6} ns to register, {bytes} bytes, cancel {cancelled} ns ({})",
            samples[2],
            world.waiting()
        );
    }
}
