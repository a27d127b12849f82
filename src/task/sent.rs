//! What there is to know of a part only once its submit has left, in a box of its own: of 100,000 tasks nearly all wait.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

use crate::provider::Image;
use crate::time::Instant;

/// [`Sent`], made when something is first written to it; before, it reads as nothing known.
#[derive(Debug, Default)]
pub struct MaybeSent(Option<Box<Sent>>);

/// What is known of a part that has been sent.
#[derive(Debug)]
pub struct Sent {
    /// When the submit that counts went out.
    pub submitted_at: Option<Instant>,
    /// The same on the wall's clock, ms since the epoch.
    pub submitted_wall: Option<u64>,
    /// When the latest submit left: its credential and its form were there.
    pub left_at: Instant,
    /// Where it can be asked after, if that is no place of the dialect's.
    pub poll_url: Option<String>,
    /// Where its pictures will be, if that is another place.
    pub result_url: Option<String>,
    /// So many addresses at which it might be asked after did not know it.
    pub misses: u32,
    /// When it was over, as far as that was seen.
    pub done_at: Option<Instant>,
    /// When its acceptance was heard of; providers may not show a task at once.
    pub accepted_at: Option<Instant>,
    /// When it was first seen to run, for `timing`.
    pub running_since: Option<Instant>,
    /// Where its latest request went.
    pub url: String,
    /// What support asks for, of the latest answer.
    pub request_id: Option<String>,
    /// When its next poll is due by what is known of its model; an early one only looks whether it runs.
    pub ripe: Instant,
    /// When the latest poll left.
    pub asked_at: Instant,
    /// When the latest poll left that saw it go on.
    pub seen_at: Instant,
    /// When the latest poll left that saw it wait for a slot at the provider.
    pub queued_at: Option<Instant>,
    /// A list has shown its end; what it made, only an answer about it alone tells.
    pub shown_over: bool,
    /// Polls or fetches in a row that met a fault.
    pub poll_faults: u32,
    /// Polls in all.
    pub polls: u32,
    /// What it used, in the provider's names.
    pub usage: Vec<(String, u64)>,
    /// What it made; bytes are fetched one after the other.
    pub images: Vec<Image>,
}

impl Sent {
    const NOTHING: Sent = Sent {
        submitted_at: None,
        submitted_wall: None,
        left_at: Instant::from_millis(0),
        poll_url: None,
        result_url: None,
        misses: 0,
        done_at: None,
        accepted_at: None,
        running_since: None,
        url: String::new(),
        request_id: None,
        ripe: Instant::from_millis(0),
        asked_at: Instant::from_millis(0),
        seen_at: Instant::from_millis(0),
        queued_at: None,
        shown_over: false,
        poll_faults: 0,
        polls: 0,
        usage: Vec::new(),
        images: Vec::new(),
    };
}

impl Deref for MaybeSent {
    type Target = Sent;

    fn deref(&self) -> &Sent {
        static NOTHING: Sent = Sent::NOTHING;
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

impl DerefMut for MaybeSent {
    fn deref_mut(&mut self) -> &mut Sent {
        self.0.get_or_insert_with(|| Box::new(Sent::NOTHING))
    }
}
