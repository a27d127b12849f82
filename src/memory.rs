//! Memory in small pieces: what a task asks for and gives back some hundred times. Pieces of one size stand in a list, so that either is a step or two; a
//! general allocator looks for the best place and joins neighbours each time, which was a tenth of all the core's work. What is larger goes to one.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::null_mut;

/// Sizes are multiples of this, which is also the alignment of every piece: no type of ours has a greater one.
const STEP: usize = 16;
/// The largest piece: the writers' first room.
const LARGEST: usize = 512;
/// Pieces are cut from blocks of this size.
const BLOCK: usize = 4096;

/// A free piece holds the address of the next one of its size.
struct Free {
    next: *mut Free,
}

struct Lists {
    /// By size in steps; none is of size 0.
    free: [*mut Free; LARGEST / STEP + 1],
    /// What is left of the latest block.
    rest: *mut u8,
    left: usize,
}

/// An allocator of small pieces over one of large ones. For one thread: whoever makes it vouches for that.
pub struct Pieces<A> {
    lists: UnsafeCell<Lists>,
    large: A,
}

// SAFETY: the core is built without threads; with them its memory would be shared and this the least of its troubles.
#[cfg(not(target_feature = "atomics"))]
unsafe impl<A: Sync> Sync for Pieces<A> {}

impl<A> Pieces<A> {
    /// One that has nothing yet.
    pub const fn over(large: A) -> Pieces<A> {
        let lists = Lists { free: [null_mut(); LARGEST / STEP + 1], rest: null_mut(), left: 0 };
        Pieces { lists: UnsafeCell::new(lists), large }
    }
}

/// How many steps a piece has; `None`: it is too large for a list.
fn steps(layout: Layout) -> Option<usize> {
    (layout.size() <= LARGEST && layout.align() <= STEP).then_some(layout.size().div_ceil(STEP))
}

impl Lists {
    /// Puts a piece into the list of its size.
    ///
    /// # Safety
    /// The piece must be of that size and nobody else's.
    unsafe fn put(&mut self, piece: *mut u8, steps: usize) {
        if let Some(first) = self.free.get_mut(steps) {
            let piece = piece.cast::<Free>();
            // SAFETY: it is at least one step long, and aligned to one.
            unsafe { piece.write(Free { next: *first }) };
            *first = piece;
        }
    }

    /// Takes a piece out of the list of its size, if there is one.
    fn take(&mut self, steps: usize) -> Option<*mut u8> {
        let first = self.free.get_mut(steps).filter(|first| !first.is_null())?;
        let piece = *first;
        // SAFETY: what is in a list was put there as a free piece.
        *first = unsafe { (*piece).next };
        Some(piece.cast())
    }
}

// SAFETY: a piece is in one list, or somebody's; blocks are never given back, and a piece is cut from one once.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Pieces<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(steps) = steps(layout) else {
            // SAFETY: as our caller promised.
            return unsafe { self.large.alloc(layout) };
        };
        // SAFETY: nothing below calls back, so nobody else has them.
        let lists = unsafe { &mut *self.lists.get() };
        if let Some(piece) = lists.take(steps) {
            return piece;
        }
        let size = steps * STEP;
        if size > lists.left {
            // SAFETY: neither is 0, and the alignment is a power of two.
            let block = unsafe { self.large.alloc(Layout::from_size_align_unchecked(BLOCK, STEP)) };
            if block.is_null() {
                return block;
            }
            if lists.left > 0 {
                // SAFETY: what is left of the block before is a piece, too, of a size that has a list.
                unsafe { lists.put(lists.rest, lists.left / STEP) };
            }
            (lists.rest, lists.left) = (block, BLOCK);
        }
        let piece = lists.rest;
        // SAFETY: so much is left.
        lists.rest = unsafe { piece.add(size) };
        lists.left -= size;
        piece
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        match steps(layout) {
            // SAFETY: it was given out with this size, by our caller's promise, and nothing in here calls back.
            Some(steps) => unsafe { (*self.lists.get()).put(piece, steps) },
            // SAFETY: it came from there.
            None => unsafe { self.large.dealloc(piece, layout) },
        }
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;
    use std::alloc::System;

    proptest! {
        #[test]
        fn whatever_is_held_is_nobody_elses(
            steps in prop::collection::vec((any::<bool>(), 1usize..1_500, 0u32..7, any::<prop::sample::Index>()), 0..400),
        ) {
            let memory = Pieces::over(System);
            let mut held: Vec<(*mut u8, Layout, u8)> = Vec::new();
            for (number, (keep, size, align, which)) in steps.into_iter().enumerate() {
                if keep || held.is_empty() {
                    let layout = Layout::from_size_align(size, 1 << align).unwrap();
                    let mark = number as u8;
                    // SAFETY: the size is not 0, and so many bytes are ours.
                    let piece = unsafe { memory.alloc(layout) };
                    unsafe { piece.write_bytes(mark, size) };
                    prop_assert_eq!(piece as usize % layout.align(), 0);
                    held.push((piece, layout, mark));
                } else {
                    let (piece, layout, mark) = held.swap_remove(which.index(held.len()));
                    // SAFETY: it was given out so, and is given back once.
                    let bytes = unsafe { core::slice::from_raw_parts(piece, layout.size()) };
                    prop_assert!(bytes.iter().all(|byte| *byte == mark));
                    unsafe { memory.dealloc(piece, layout) };
                }
            }
            for (piece, layout, mark) in held {
                // SAFETY: as above.
                let bytes = unsafe { core::slice::from_raw_parts(piece, layout.size()) };
                prop_assert!(bytes.iter().all(|byte| *byte == mark));
                unsafe { memory.dealloc(piece, layout) };
            }
        }
    }

    #[test]
    fn what_was_given_back_is_given_out_again() {
        let memory = Pieces::over(System);
        let layout = Layout::new::<[u64; 5]>();
        // SAFETY: the size is not 0, and each is given back once.
        unsafe {
            let first = memory.alloc(layout);
            let second = memory.alloc(layout);
            memory.dealloc(first, layout);
            assert_eq!((memory.alloc(Layout::new::<[u64; 6]>()), memory.alloc(layout) == second), (first, false));
        }
    }

    #[test]
    fn the_end_of_a_block_is_not_lost() {
        let memory = Pieces::over(System);
        let (large, small) = (Layout::new::<[u8; 480]>(), Layout::new::<[u8; BLOCK % 480]>());
        // SAFETY: no size is 0.
        let last = unsafe {
            let pieces: Vec<*mut u8> = (0..BLOCK / 480).map(|_| memory.alloc(large)).collect();
            memory.alloc(large);
            pieces.last().unwrap().add(480)
        };
        assert_eq!(unsafe { memory.alloc(small) }, last);
    }
}
