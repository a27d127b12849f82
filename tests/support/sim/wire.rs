//! Requests on their way to the world, and its answers on theirs.

use tidegate::engine::Input;
use tidegate::http::{Body, Fault};
use tidegate::retry::hint::retry_after;
use tidegate_simulator::Reply;

use super::super::walk;
use super::{BASE, Event, HORIZON, Heard, Said, Sim};

impl Sim {
    pub(super) fn arrive(&mut self, place: usize, stale: bool) {
        let sent = self.sent[place].clone();
        if let Some(exchange) = &mut self.exchange {
            let (after, said) = exchange(&sent, self.now);
            return self.schedule(self.now + after, Event::Said(place, said));
        }
        let scripted = self.script.as_mut().and_then(|script| script(&sent, self.now));
        let reply = scripted.unwrap_or_else(|| {
            let Some(path) = sent.request.url.strip_prefix(BASE) else { return Reply::Lost };
            let headers = sent.request.headers.iter().map(|(name, value)| (String::from(*name), value.clone()));
            let key =
                sent.request.credential.map(|place| (String::from("authorization"), format!("Bearer sk-{place}")));
            let body = sent.request.body.clone().unwrap_or_default().into_bytes();
            let request = tidegate_simulator::Request {
                method: String::from(sent.request.method),
                path: String::from(path),
                headers: headers.chain(key).collect(),
                body,
            };
            self.world.handle(self.now, &request)
        });
        self.send_back(place, reply, stale);
    }

    pub(super) fn send_back(&mut self, place: usize, reply: Reply, stale: bool) {
        if let Reply::Later(pending) = reply {
            let at = pending.at_ms.unwrap_or(HORIZON).max(self.now);
            return self.schedule(at, Event::Due(place, pending, stale));
        }
        let reply = if self.lost.contains(&place) { Reply::Lost } else { reply };
        let hangs = reply == Reply::Lost && self.strikes(self.around.hangs);
        if !stale && !hangs {
            let back = self.draw(self.around.rtt).div_ceil(2);
            self.schedule(self.now + back, Event::Answer(place, reply));
        }
    }

    /// What an exchange said reaches the engine.
    pub(super) fn hear(&mut self, place: usize, said: Said) {
        let (call, purpose, limit) = (self.sent[place].call, self.sent[place].purpose, self.sent[place].request.limit);
        let mut status = 0;
        let input = match said {
            Said::Fails(message) => Input::Failed { call, fault: Fault::Network, message },
            Said::Answer(response) | Said::Cut(response) if response.status == 0 => {
                panic!("an exchange answered without a status: {response:?}")
            }
            Said::Answer(response) => {
                status = response.status;
                Input::Answer { call, answer: walk::answer(&response, purpose, limit, &mut self.handles) }
            }
            Said::Cut(response) => {
                status = response.status;
                let whole = walk::answer(&response, purpose, limit, &mut self.handles);
                let body = match whole.body {
                    Body::Json(json) => Body::Cut(json),
                    _ => Body::Broken,
                };
                Input::Answer { call, answer: tidegate::http::Answer { body, ..whole } }
            }
        };
        self.sent[place].answer = Some(Heard { at: self.now, status, hint: None });
        self.feed_by(self.sent[place].owner, input);
    }

    pub(super) fn answer(&mut self, place: usize, reply: Reply) {
        let (call, purpose) = (self.sent[place].call, self.sent[place].purpose);
        let owner = self.sent[place].owner;
        if self.dead.contains(&owner) {
            return;
        }
        let heard = |status, hint| Some(Heard { at: self.now, status, hint });
        let input = match reply {
            Reply::Answer(response) => {
                let limit = self.sent[place].request.limit;
                let answer = walk::answer(&response, purpose, limit, &mut self.handles);
                self.sent[place].answer = heard(response.status, retry_after(&answer, self.wall()));
                Input::Answer { call, answer }
            }
            Reply::Lost | Reply::Later(_) => {
                self.sent[place].answer = heard(0, None);
                Input::Failed { call, fault: Fault::Network, message: String::new() }
            }
        };
        self.feed_by(owner, input);
    }
}
