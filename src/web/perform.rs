//! Performing effects: the host does it, and what it has to say at once goes back in.

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::mem::take;

use super::host::{Host, Sent};
use crate::engine::{Effect, Engine, Input};
use crate::http::Fault;
use crate::task::{CallId, OwnerId};
use crate::time::Instant;
use crate::view;

/// One client's engine and its surroundings.
pub struct Shell<H> {
    pub(super) host: H,
    pub(super) engine: RefCell<Engine>,
}

impl<H: Host> Shell<H> {
    pub(super) fn new(host: H, engine: Engine) -> Shell<H> {
        Shell { host, engine: RefCell::new(engine) }
    }

    pub(super) fn clock(&self) -> (Instant, u64) {
        (Instant::from_millis(self.host.now() as u64), self.host.wall() as u64)
    }

    pub(super) fn handle(&self, input: Input) {
        let (now, wall) = self.clock();
        if let Ok(mut engine) = self.engine.try_borrow_mut() {
            engine.handle(now, wall, input);
        }
    }

    /// Performs the effects of the owner whom the latest input concerned, and sets its timer. What the host has to say to an effect at once is told when
    /// there is nothing left to be performed, so that a thousand records are no thousand calls deep.
    pub(super) fn run(&self) {
        let Some(owner) = self.engine.try_borrow().ok().map(|engine| engine.context()) else { return };
        let mut news = Vec::new();
        loop {
            while let Some(effect) = self.engine.try_borrow_mut().ok().and_then(|mut engine| engine.poll(owner)) {
                if let Some(input) = self.perform(effect) {
                    news.push(input);
                }
            }
            if news.is_empty() {
                break;
            }
            for input in take(&mut news) {
                self.handle(input);
            }
        }
        self.arm(owner);
    }

    fn arm(&self, owner: OwnerId) {
        let deadline = self.engine.try_borrow().ok().and_then(|engine| engine.deadline(owner));
        self.host.arm(owner, deadline);
    }

    fn perform(&self, effect: Effect) -> Option<Input> {
        if let Some(name) = view::event_name(&effect).filter(|name| self.host.listens(name)) {
            let view = self.engine.try_borrow().ok().and_then(|engine| view::event(&engine, &effect));
            view.iter().for_each(|view| self.host.event(name, view));
        }
        match effect {
            Effect::Send { call, part, purpose, request, refresh } => {
                self.hold_call(call, true);
                match self.host.send(call, part, purpose, request, refresh) {
                    Sent::Now => self.hold_call(call, false),
                    Sent::Later => {}
                    Sent::Never => {
                        // Of a fetch that throws nobody knows how far it got.
                        self.hold_call(call, false);
                        self.handle(Input::Failed { call, fault: Fault::Network, message: String::new() });
                    }
                }
                None
            }
            Effect::Store { seq, key, record } => {
                let is_durable = self.host.store(seq, key, record);
                (is_durable && self.is_awaited(seq)).then_some(Input::Stored { seq, ok: true })
            }
            other => self.host.perform(other),
        }
    }

    /// Whether anything waits for a record to be written down.
    pub(super) fn is_awaited(&self, seq: u64) -> bool {
        self.engine.try_borrow().is_ok_and(|engine| engine.is_awaited(seq))
    }

    pub(super) fn hold_call(&self, call: CallId, is_held: bool) {
        if let Ok(mut engine) = self.engine.try_borrow_mut() {
            engine.hold_call(call, is_held);
        }
    }
}
