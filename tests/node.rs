//! The shell in Node, which is where `wasm-bindgen-test` runs what doesn't ask for a browser.
#![cfg(target_arch = "wasm32")]

mod wasm;
