//! Submits one by one with a distance between them: a limit of 60 a minute that is kept as one a second, or as five in five; a bucket that fills drop
//! by drop. What comes at a steady pace meets none of them, and loses nothing by it where much waits; of a few at once the last waits for the others.

use super::distance::{Distances, Latest, Spacing};
use super::kept::Kept;
use super::message::{Known, Window};
use crate::time::{Instant, Millis};

/// A distance longer than this is no pace but a slot that comes free.
pub const LONGEST: Millis = 5_000;
/// A distance shorter than this is none.
const SHORTEST: Millis = 50;
/// After so many whole runs at a distance it is believed, and what is refused at it where all slots may be taken is refused for that.
const BELIEVED: u32 = 3;
/// What is refused so often at ever longer distances, with no whole run between, is not refused for its distance,
const STRIKES: u32 = 4;
/// and for so long none is looked for.
const GIVEN_UP: Millis = 300_000;

/// Whether there was room for one more task at once where one was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// There was: that many are far from the limit, and as many were accepted in a minute.
    Sure,
    /// As many were accepted before.
    Perhaps,
    /// As many never were: that it was one too many is as likely as any distance, so a distance that nothing has proved is blamed for it once.
    Unproved,
}

/// What distance there has to be.
#[derive(Debug, Default)]
pub struct Pace {
    sent: Option<Instant>,
    accepted: Option<Instant>,
    kept: Option<Kept>,
    given_up: Instant,
}

impl Pace {
    /// A submit is about to go out.
    pub fn goes(&mut self, now: Instant) {
        self.sent = Some(now);
    }

    /// The submit that went out then was accepted.
    pub fn accepted(&mut self, since: Instant) {
        let last = self.accepted;
        self.accepted = last.max(Some(since));
        let (Some(last), Some(kept)) = (last, &mut self.kept) else { return };
        if last.until(since) > kept.tried + kept.tried / 4 {
            // Nothing pressed: what comes after a rest proves nothing.
            kept.interrupt();
        } else {
            kept.accepted();
        }
        self.kept = self.kept.filter(|kept| kept.high >= SHORTEST);
    }

    /// A submit that came so soon after those before it was refused, with so many tasks at once. Says whether that was for its being too early.
    pub fn refused(&mut self, now: Instant, distances: Distances, slots: Room) -> bool {
        let Some(kept) = &mut self.kept else { return false };
        let distance = distances.average(1);
        let is_settled = kept.tried >= kept.high;
        let has_another_cause = if is_settled {
            (slots == Room::Unproved && (kept.whole > 0 || kept.strikes > 0))
                || (slots == Room::Perhaps && kept.whole > BELIEVED)
                || distance > kept.high * 2
        } else {
            distance >= kept.high
        };
        if has_another_cause {
            return false;
        }
        if distances.average(kept.at_once) < kept.tried {
            // What came before it came in a burst.
            kept.interrupt();
            return true;
        }
        kept.too_early(now);
        if kept.high > LONGEST || kept.strikes >= STRIKES {
            (self.kept, self.given_up) = (None, now.after(GIVEN_UP));
        }
        self.kept.is_some()
    }

    /// Whether a distance is looked for now: none is kept, and it is not given up.
    pub fn is_sought(&self, now: Instant) -> bool {
        self.kept.is_none() && now >= self.given_up
    }

    /// Whether a distance is kept.
    pub fn is_kept(&self) -> bool {
        self.kept.is_some()
    }

    /// Such a distance explains what was refused. Says whether it is kept from now on.
    pub fn keep(&mut self, now: Instant, spacing: Spacing) -> bool {
        if !self.is_sought(now) || !(SHORTEST..=LONGEST).contains(&spacing.high) {
            return false;
        }
        self.kept = Some(Kept::new(now, spacing));
        true
    }

    /// As a window of one.
    pub fn window(&self, now: Instant) -> Option<Window> {
        let (kept, sent) = (self.kept?, self.sent?);
        let known = if kept.whole > 0 { Known::Confirmed } else { Known::Suspected };
        Some(Window { limit: 1, used: u32::from(sent.after(kept.high) > now), length: kept.high, known })
    }

    /// What is worth keeping: a distance that is proved.
    pub fn learned(&self) -> Option<(u32, Millis)> {
        self.kept.filter(|kept| kept.proved).map(|kept| (1, kept.high))
    }

    /// Begins with what an earlier process found out, unless something is known already.
    pub fn recall(&mut self, now: Instant, window: Option<(u32, Millis)>) {
        let Some((1, distance)) = window else { return };
        if self.keep(now, Spacing { low: distance, high: distance, at_once: 1 }) {
            self.kept.iter_mut().for_each(|kept| kept.proved = true);
        }
    }

    /// When the next may go out, if not now.
    pub fn obstacle(&mut self, now: Instant, latest: &Latest) -> Option<Instant> {
        let (kept, sent) = (self.kept.as_mut()?, self.sent?);
        kept.doubt(now);
        // A burst is over when it would have been let in at this pace.
        let after_burst = latest.at(kept.at_once).map(|at| at.after(kept.tried * Millis::from(kept.at_once)));
        Some(sent.after(kept.tried)).max(after_burst).filter(|at| *at > now)
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// What lets in, or doesn't.
    enum Server {
        /// So many in so long.
        Window(usize, u64),
        /// One in so long, and as many at once.
        Bucket(u64, u64),
        /// Every other one, whenever it comes.
        EveryOther,
    }

    struct World {
        server: Server,
        pace: Pace,
        latest: Latest,
        accepted: Vec<u64>,
        full: u64,
        now: u64,
        refused: u32,
    }

    impl World {
        fn new(server: Server, spacing: Spacing) -> World {
            let mut pace = Pace::default();
            assert!(pace.keep(Instant::from_millis(0), spacing));
            let (latest, accepted) = (Latest::default(), Vec::new());
            World { server, pace, latest, accepted, full: 0, now: 1, refused: 0 }
        }

        fn lets_in(&mut self) -> bool {
            match self.server {
                Server::Window(many, length) => {
                    self.accepted.len() < many || self.accepted[self.accepted.len() - many] + length <= self.now
                }
                Server::Bucket(each, many) => {
                    let full = self.full.max(self.now) + each;
                    let lets_in = full <= self.now + each * many;
                    self.full = if lets_in { full } else { self.full };
                    lets_in
                }
                Server::EveryOther => (self.accepted.len() as u32) <= self.refused,
            }
        }

        /// As many submits as fit, each as soon as it may go.
        fn submit(&mut self, submits: u32) -> &mut World {
            for _ in 0..submits {
                let now = Instant::from_millis(self.now);
                self.now = self.pace.obstacle(now, &self.latest).map_or(self.now + 20, Instant::millis);
                let now = Instant::from_millis(self.now);
                self.pace.goes(now);
                if self.lets_in() {
                    self.pace.accepted(now);
                    self.latest.add(now);
                    self.accepted.push(self.now);
                } else {
                    self.refused += 1;
                    self.pace.refused(now, self.latest.distances(now), Room::Sure);
                }
            }
            self
        }
    }

    #[test]
    fn a_distance_is_found_whatever_it_stands_for() {
        let windows = [(1, 200), (1, 1_000), (2, 1_500), (3, 5_000), (5, 5_000)];
        let buckets = [(800, 3), (2_000, 5), (1_000, 10)];
        let windows = windows.map(|(many, length)| (Server::Window(many, length), length / many as u64, many as u32));
        let buckets = buckets.map(|(each, many)| (Server::Bucket(each, many), each, many as u32));
        for (server, distance, at_once) in windows.into_iter().chain(buckets) {
            let spacing = Spacing { low: distance / 4, high: distance * 2, at_once };
            let mut world = World::new(server, spacing);
            world.submit(600);
            let kept = world.pace.kept.unwrap();
            // A bucket whose burst hid it for long is looked for again, up to a quarter above.
            assert!(kept.high >= distance * 97 / 100 && kept.high <= distance * 125 / 100, "{distance}: {kept:?}");
            assert!(world.refused <= 20, "{distance}: {} refused, {kept:?}", world.refused);
        }
    }

    #[test]
    fn a_burst_before_it_is_no_proof_against_a_distance() {
        let mut world = World::new(Server::Window(5, 5_000), Spacing { low: 100, high: 1_000, at_once: 5 });
        for time in [0, 100, 200, 300, 400] {
            world.accepted.push(time);
            world.latest.add(Instant::from_millis(time));
        }
        world.pace.goes(Instant::from_millis(400));
        world.now = 500;
        world.submit(1);
        assert_eq!((world.refused, world.now), (0, 5_000), "it waits until the burst is over");
        let near = world.latest.distances(Instant::from_millis(900));
        assert!(world.pace.refused(Instant::from_millis(5_000), near, Room::Sure));
        assert_eq!(world.pace.kept.unwrap().high, 1_000);
    }

    #[test]
    fn a_distance_that_has_gone_is_not_kept_for_long() {
        let mut world = World::new(Server::Window(1, 1_000), Spacing { low: 500, high: 1_500, at_once: 1 });
        world.submit(100);
        assert!(world.pace.learned().is_some());
        world.server = Server::Window(1, 0);
        world.submit(1_000);
        assert!(world.pace.kept.is_none(), "{:?}", world.pace.kept);
        assert_eq!(world.pace.window(Instant::from_millis(world.now)), None);
    }

    #[test]
    fn a_pace_that_was_right_for_days_is_still_doubted() {
        let mut world = World::new(Server::Window(1, 1_000), Spacing { low: 500, high: 1_500, at_once: 1 });
        world.submit(260_000);
        let (refused, days) = (world.refused, world.now / 86_400_000);
        assert!(days >= 3 && refused <= 220, "{refused} refused in {days} days");
        world.server = Server::Window(1, 100);
        world.submit(1_800);
        assert!(world.pace.kept.is_none_or(|kept| kept.high <= 120), "{:?}", world.pace.kept);
    }

    #[test]
    fn what_is_shorter_than_any_pace_is_not_kept() {
        let mut pace = Pace::default();
        for high in [0, SHORTEST - 1, LONGEST + 1, Millis::MAX] {
            assert!(!pace.keep(Instant::from_millis(0), Spacing { low: 0, high, at_once: 4 }), "{high}");
        }
        assert!(pace.keep(Instant::from_millis(0), Spacing { low: 0, high: SHORTEST, at_once: 4 }));
    }

    #[test]
    fn what_no_distance_explains_is_given_up() {
        let spacing = Spacing { low: 990, high: 1_000, at_once: 1 };
        let mut world = World::new(Server::EveryOther, spacing);
        world.submit(60);
        assert!(world.pace.kept.is_none());
        let now = world.now;
        assert!(!world.pace.keep(Instant::from_millis(now), spacing), "not again so soon");
        assert!(world.pace.keep(Instant::from_millis(now + GIVEN_UP), spacing));
    }

    #[test]
    fn a_distance_that_is_believed_is_not_blamed_where_the_slots_may_be_full() {
        let mut world = World::new(Server::Window(1, 1_000), Spacing { low: 980, high: 1_000, at_once: 1 });
        world.submit(20);
        let (now, near) =
            (Instant::from_millis(world.now + 1_000), world.latest.distances(Instant::from_millis(world.now + 1_000)));
        assert!(!world.pace.refused(now, near, Room::Perhaps));
        assert!(world.pace.refused(now, near, Room::Sure));
    }

    #[test]
    fn more_tasks_than_ever_are_refused_for_that_at_a_distance_that_was_let_in() {
        let mut world = World::new(Server::Window(1, 1_000), Spacing { low: 980, high: 1_000, at_once: 1 });
        world.submit(3);
        let now = Instant::from_millis(world.now + 1_000);
        let near = world.latest.distances(now);
        assert!(!world.pace.refused(now, near, Room::Unproved));
        assert_eq!(world.pace.kept.unwrap().strikes, 0);
        assert!(world.pace.refused(now, near, Room::Perhaps), "it is not believed yet");
    }

    #[test]
    fn what_was_learned_is_where_it_begins() {
        let mut pace = Pace::default();
        let strange = [Some((60, 60_000)), Some((1, 60_000)), None];
        strange.into_iter().for_each(|window| pace.recall(Instant::from_millis(0), window));
        assert!(pace.kept.is_none());
        pace.recall(Instant::from_millis(0), Some((1, 800)));
        assert_eq!(pace.learned(), Some((1, 800)), "and worth keeping still");
        pace.goes(Instant::from_millis(0));
        assert_eq!(pace.obstacle(Instant::from_millis(0), &Latest::default()), Some(Instant::from_millis(800)));
    }
}
