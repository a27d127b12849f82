//! What is wrong with a key, as far as a free request and what its lane has seen can tell.

use alloc::boxed::Box;
use alloc::string::String;

use super::waiting::STALLED;
use super::{Effect, Engine, KeyReport, Outcome};
use crate::error::{Axis, Code, Error};
use crate::http::{Answer, Purpose};
use crate::limit::{Concurrency, Known, Limits, MINUTE};
use crate::options::{CallOptions, Priority};
use crate::provider::{check_request, read_check};
use crate::task::{OwnerId, PartId, TaskId};
use crate::text::concat;

/// A check under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Check {
    provider: usize,
    /// The credential was asked for once more.
    refreshed: bool,
}

impl Engine {
    /// Begins a check. It is a task without parts, so that it has an owner and an end.
    pub(super) fn check(&mut self, number: TaskId, owner: OwnerId, provider: &str) {
        let options = CallOptions::from_defaults(&self.config.defaults, Priority::Interactive);
        self.open_task(number, owner, String::new(), options);
        if self.closing {
            return self.fail_task(number, Error::new(Code::Cancelled));
        }
        let Some(place) = self.config.place_of(provider) else {
            let message = concat(&["is none of this client's: ", provider]);
            return self.fail_task(number, Error::invalid("provider", &message));
        };
        self.checks.insert(number, Check { provider: place, refreshed: false });
        match self.known_trouble(place) {
            Some((error, advice)) => self.report_trouble(number, &error, advice),
            None => self.send_check(number, false),
        }
    }

    /// What the lanes of a provider know without asking: that nobody should ask now.
    fn known_trouble(&self, provider: usize) -> Option<(Error, String)> {
        let slots = || self.lanes.iter().filter(|slot| slot.provider == provider);
        let refused = |axis| {
            let mut error = Error::new(Code::RateLimited);
            error.axis = Some(axis);
            error
        };
        if let Some(slot) = slots().find(|slot| slot.standing.stalled) {
            let advice = concat(&["The key", STALLED]);
            return Some((refused(slot.standing.refused_by.unwrap_or(Axis::Unknown)), advice));
        }
        let paused = || slots().filter(|slot| slot.lane.paused_until().is_some_and(|until| until > self.now));
        // One lane may be held for what another was told.
        let slot = paused().find(|slot| slot.standing.refused_by.is_some()).or_else(|| paused().next())?;
        let wait = slot.lane.paused_until().map_or(0, |until| self.now.until(until));
        // Nothing was refused where the provider's headers said in time that nothing is left.
        let window = slot.lane.snapshot().window;
        let used_up = window.filter(|window| window.known == Known::Header && window.used >= window.limit);
        let used_up = used_up.map(|window| if window.length > 2 * MINUTE { Axis::Day } else { Axis::Minute });
        let error = slot.standing.refused_by.or(used_up).map_or(Error::new(Code::Overloaded), refused);
        let wait = crate::json::decimal(wait.div_ceil(1_000));
        let advice =
            concat(&[advice(error.code, error.axis), " Nobody asks for another ", &wait, " s, so nothing was sent."]);
        Some((error, advice))
    }

    fn send_check(&mut self, number: TaskId, refresh: bool) {
        let Some(provider) = self.checks.get(&number).map(|check| check.provider) else { return };
        let Some(config) = self.config.providers.get(provider) else { return };
        let request = check_request(config.dialect, &config.base_url, provider);
        let part = PartId { task: number, index: 0 };
        let call = self.new_call(part, Purpose::Check);
        self.effect_for(number, Effect::Send { call, part, purpose: Purpose::Check, request, refresh });
    }

    pub(super) fn check_answered(&mut self, number: TaskId, answer: &Answer) {
        let Some(check) = self.checks.get(&number).copied() else { return };
        let Some(config) = self.config.providers.get(check.provider) else { return };
        let found = read_check(config.dialect, answer, self.wall.1);
        let refused = found.as_ref().is_err_and(|error| error.code == Code::Authentication);
        if refused && config.refreshable && !check.refreshed {
            self.checks.insert(number, Check { refreshed: true, ..check });
            return self.send_check(number, true);
        }
        self.report(number, found);
    }

    pub(super) fn check_failed(&mut self, number: TaskId, error: Error) {
        self.report(number, Err(error));
    }

    /// Tells what was found, and ends the check.
    fn report(&mut self, number: TaskId, found: Result<(), Error>) {
        let Some(check) = self.checks.get(&number).copied() else { return };
        let Some(config) = self.config.providers.get(check.provider) else { return };
        let proves = config.dialect.check.proves;
        let of_provider = self.lanes.iter().filter(|slot| slot.provider == check.provider);
        let mut troubles = of_provider.filter_map(|slot| slot.standing.trouble.as_ref());
        // Where the free request says that the key is good, the last paid one may say what it lacks.
        let error = found.err().or_else(|| troubles.next().cloned());
        match error {
            Some(error) => self.report_trouble(number, &error, in_full(&error)),
            None => {
                let advice = if proves {
                    "The key is accepted. Whether there is money for an image, only a paid call could tell."
                } else {
                    "The provider answers, but perhaps anybody: whether it takes the key, only a paid call could tell."
                };
                let report = KeyReport {
                    ok: proves.then_some(true),
                    code: None,
                    axis: None,
                    request_id: None,
                    advice: String::from(advice),
                    limits: self.limits_of(check.provider),
                };
                self.settle_with(number, Outcome::Checked(Box::new(report)));
            }
        }
    }

    fn report_trouble(&mut self, number: TaskId, error: &Error, advice: String) {
        let Some(provider) = self.checks.get(&number).map(|check| check.provider) else { return };
        let report = KeyReport {
            ok: says_of_key(error.code).then_some(false),
            code: Some(error.code),
            axis: error.axis,
            request_id: error.request_id.clone(),
            advice,
            limits: self.limits_of(provider),
        };
        self.settle_with(number, Outcome::Checked(Box::new(report)));
    }

    /// The limits of a provider as far as they are known: what was told, and what was learned of the rest.
    fn limits_of(&self, provider: usize) -> Option<Limits> {
        let mut limits = self.config.providers.get(provider)?.limits;
        if let Some(learned) = self.learned_of(provider) {
            if let (Concurrency::Learn { .. }, true) = (limits.concurrency, learned.bounded) {
                limits.concurrency = Concurrency::Told(learned.limit);
            }
            let minute = learned.window.filter(|(_, length)| *length == MINUTE);
            if let (None, Some((count, _))) = (limits.rpm, minute) {
                limits.rpm = Some(count);
            }
        }
        let known = matches!(limits.concurrency, Concurrency::Told(_)) || limits.rpm.or(limits.rpd).is_some();
        known.then_some(limits)
    }
}

/// Whether such an end says that something is wrong with the key, and not with the way to it.
fn says_of_key(code: Code) -> bool {
    matches!(code, Code::Authentication | Code::QuotaExhausted | Code::RateLimited)
}

/// The advice, and what was said of the matter by whoever knows.
fn in_full(error: &Error) -> String {
    let advice = advice(error.code, error.axis);
    match error.message.as_str() {
        "" => String::from(advice),
        words if words == error.code.message() => String::from(advice),
        words => concat(&[advice, " (", words, ")"]),
    }
}

/// What to make of it.
fn advice(code: Code, axis: Option<Axis>) -> &'static str {
    match (code, axis) {
        (Code::Authentication, _) => {
            "The key is not accepted: it is mistyped, revoked, or another provider's. Make a new one and set `apiKey`."
        }
        (Code::Permission, _) => {
            "The key is known, and may not do this. Look at its scopes, and at whether the account is verified and open in this region."
        }
        (Code::QuotaExhausted, _) => {
            "The key works; its money or credit is spent. Top the account up, or raise its spending limit."
        }
        (Code::RateLimited, Some(Axis::Concurrency)) => {
            "Refused by the limit on tasks at once: it is full, perhaps by another program with the same key."
        }
        (Code::RateLimited, Some(Axis::Minute)) => {
            "The limit on requests a minute is used up: it comes back by itself, and a higher tier has more."
        }
        (Code::RateLimited, Some(Axis::Day)) => {
            "The day's allowance is used up: it comes back with the provider's next day."
        }
        (Code::RateLimited, _) => {
            "Refused by a limit that the provider doesn't name: on tasks at once, or on requests over time."
        }
        (Code::Overloaded | Code::ServerError, _) => {
            "The provider is out of order or full just now, which says nothing of the key."
        }
        (Code::Network | Code::Timeout, _) => {
            "The provider could not be reached, which says nothing of the key. In a page, its CORS rules may be why: use a server of yours."
        }
        _ => "The provider has no free request here that would tell: only a paid call could.",
    }
}
