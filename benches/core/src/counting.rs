//! How many bytes are in use.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::World;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, with a number beside it.
#[derive(Debug)]
pub struct Counting;

// SAFETY: everything is done by the system's allocator.
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

/// The bytes that each of so many tasks takes while it waits, without the body of its request. Where [`Counting`] is the allocator.
pub fn memory(waiting: usize) -> usize {
    let before = IN_USE.load(Ordering::Relaxed);
    let world = World::with(waiting, 1);
    (IN_USE.load(Ordering::Relaxed) - before) / waiting - world.body
}
