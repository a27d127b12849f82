//! See `orders::sse`.
#![no_main]

#[allow(dead_code, reason = "each target plays one kind of order")]
#[path = "../orders/mod.rs"]
mod orders;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| orders::sse::play(bytes));
