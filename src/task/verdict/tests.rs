use super::*;
use alloc::vec::Vec;
use proptest::prelude::*;

const WHO: [Who; 3] = [Who::Provider, Who::Intermediary, Who::Nobody];
const SAID: [Said; 13] = [
    Said::Image,
    Said::Task,
    Said::Limit,
    Said::Verdict,
    Said::FilteredLate,
    Said::Fault,
    Said::Processing,
    Said::TaskFailed,
    Said::NothingMade,
    Said::NotReached,
    Said::Blocked,
    Said::NothingLeft,
    Said::Unclear,
];
const CERTAINTIES: [Certainty; 7] = [
    Certainty::NeverLeft,
    Certainty::Refused,
    Certainty::Rejected,
    Certainty::Unknown,
    Certainty::Failed,
    Certainty::Accepted,
    Certainty::Paid,
];

fn of(who: Who, said: Said, after: Millis) -> Certainty {
    certainty(&Evidence { who, said, after, floor: 2_000 })
}

/// The table of the design, cell by cell; whoever answers, before the floor and after it.
#[test]
fn the_table() {
    use Certainty::*;
    let provider = |said| (of(Who::Provider, said, 1_999), of(Who::Provider, said, 2_000));
    let intermediary = |said| (of(Who::Intermediary, said, 1_999), of(Who::Intermediary, said, 2_000));
    let nobody = |said| (of(Who::Nobody, said, 1_999), of(Who::Nobody, said, 2_000));
    for (said, by_provider, by_intermediary, by_nobody) in [
        (Said::Image, (Paid, Paid), (Paid, Paid), (Paid, Paid)),
        (Said::Task, (Accepted, Accepted), (Accepted, Accepted), (Accepted, Accepted)),
        (Said::Limit, (Refused, Refused), (Refused, Refused), (Refused, Refused)),
        (Said::Verdict, (Rejected, Rejected), (Unknown, Unknown), (Unknown, Unknown)),
        (Said::FilteredLate, (Failed, Failed), (Unknown, Unknown), (Unknown, Unknown)),
        (Said::Fault, (Rejected, Unknown), (Unknown, Unknown), (Unknown, Unknown)),
        (Said::Processing, (Unknown, Unknown), (Unknown, Unknown), (Unknown, Unknown)),
        (Said::TaskFailed, (Failed, Failed), (Unknown, Unknown), (Unknown, Unknown)),
        (Said::NothingMade, (Failed, Failed), (Unknown, Unknown), (Unknown, Unknown)),
        (Said::NotReached, (Unknown, Unknown), (NeverLeft, NeverLeft), (Unknown, Unknown)),
        (Said::Blocked, (Unknown, Unknown), (NeverLeft, NeverLeft), (Unknown, Unknown)),
        (Said::NothingLeft, (Unknown, Unknown), (Unknown, Unknown), (NeverLeft, NeverLeft)),
        (Said::Unclear, (Unknown, Unknown), (Unknown, Unknown), (Unknown, Unknown)),
    ] {
        assert_eq!(provider(said), by_provider, "{said:?}");
        assert_eq!(intermediary(said), by_intermediary, "{said:?}");
        assert_eq!(nobody(said), by_nobody, "{said:?}");
    }
}

/// Nothing is in the way of anything.
const FREE: Facts = Facts {
    in_doubt: false,
    may_replay: false,
    is_wanted: true,
    forbidden: false,
    has_retries: true,
    waits_too_long: false,
    may_refresh: false,
    may_follow: true,
};

#[test]
fn what_follows_where_nothing_is_in_the_way() {
    let then = |said, certainty| decide(said, certainty, &FREE);
    assert_eq!(then(Said::Image, Certainty::Paid), Then::Deliver);
    assert_eq!(then(Said::Task, Certainty::Accepted), Then::Follow);
    assert_eq!(then(Said::Limit, Certainty::Refused), Then::Wait);
    assert_eq!(then(Said::Verdict, Certainty::Rejected), Then::Fail);
    assert_eq!(then(Said::Fault, Certainty::Rejected), Then::Retry);
    assert_eq!(then(Said::NothingLeft, Certainty::NeverLeft), Then::Retry);
    assert_eq!(then(Said::NotReached, Certainty::NeverLeft), Then::Retry);
    assert_eq!(then(Said::Blocked, Certainty::NeverLeft), Then::Fail);
    assert_eq!(then(Said::Unclear, Certainty::Unknown), Then::Tell);
    assert_eq!(then(Said::Processing, Certainty::Unknown), Then::ReplayFree);
    assert_eq!(then(Said::TaskFailed, Certainty::Failed), Then::Fail);
}

#[test]
fn what_stands_in_the_way() {
    let fault = |facts: Facts| decide(Said::Fault, Certainty::Rejected, &facts);
    assert_eq!(fault(Facts { is_wanted: false, ..FREE }), Then::Fail);
    assert_eq!(fault(Facts { forbidden: true, ..FREE }), Then::Fail);
    assert_eq!(fault(Facts { has_retries: false, ..FREE }), Then::Fail);
    assert_eq!(fault(Facts { waits_too_long: true, ..FREE }), Then::Fail);
    assert_eq!(fault(Facts { in_doubt: true, ..FREE }), Then::Tell);
    assert_eq!(fault(Facts { in_doubt: true, may_replay: true, ..FREE }), Then::Replay);
    assert_eq!(fault(Facts { in_doubt: true, may_replay: true, waits_too_long: true, ..FREE }), Then::Replay);
    let lost = |facts: Facts| decide(Said::Unclear, Certainty::Unknown, &Facts { may_replay: true, ..facts });
    assert_eq!(lost(FREE), Then::Replay);
    assert_eq!(lost(Facts { is_wanted: false, ..FREE }), Then::Tell);
    assert_eq!(lost(Facts { forbidden: true, ..FREE }), Then::Tell);
    assert_eq!(lost(Facts { has_retries: false, ..FREE }), Then::Tell);
    let limit = |facts: Facts| decide(Said::Limit, Certainty::Refused, &facts);
    assert_eq!(limit(Facts { is_wanted: false, ..FREE }), Then::Fail);
    assert_eq!(limit(Facts { forbidden: true, ..FREE }), Then::Fail);
    assert_eq!(limit(Facts { has_retries: false, ..FREE }), Then::Fail);
    assert_eq!(limit(Facts { has_retries: false, in_doubt: true, ..FREE }), Then::Tell);
    assert_eq!(limit(Facts { in_doubt: true, ..FREE }), Then::Wait);
    let verdict = |facts: Facts| decide(Said::Verdict, Certainty::Rejected, &facts);
    assert_eq!(verdict(Facts { may_refresh: true, in_doubt: true, ..FREE }), Then::Refresh);
    assert_eq!(verdict(Facts { in_doubt: true, may_replay: true, ..FREE }), Then::Tell);
    let blocked = |facts: Facts| decide(Said::Blocked, Certainty::NeverLeft, &facts);
    assert_eq!(blocked(Facts { in_doubt: true, may_replay: true, ..FREE }), Then::Tell);
    let task = Facts { may_follow: false, ..FREE };
    assert_eq!(decide(Said::Task, Certainty::Accepted, &task), Then::Tell);
    let processing = Facts { is_wanted: false, ..FREE };
    assert_eq!(decide(Said::Processing, Certainty::Unknown, &processing), Then::Tell);
}

#[test]
fn what_is_promised_of_money() {
    use Billed::*;
    for (certainty, alone, in_doubt) in [
        (Certainty::NeverLeft, No, Unknown),
        (Certainty::Refused, No, Unknown),
        (Certainty::Rejected, No, Unknown),
        (Certainty::Unknown, Unknown, Unknown),
        (Certainty::Accepted, Unknown, Unknown),
        (Certainty::Paid, Yes, Yes),
    ] {
        for free in [false, true] {
            assert_eq!(billed(Said::Unclear, certainty, false, free), alone, "{certainty:?}");
            assert_eq!(billed(Said::Unclear, certainty, true, free), in_doubt, "{certainty:?}");
        }
    }
    for in_doubt in [false, true] {
        assert_eq!(billed(Said::TaskFailed, Certainty::Failed, in_doubt, true), No);
        assert_eq!(billed(Said::TaskFailed, Certainty::Failed, in_doubt, false), Unknown);
        assert_eq!(billed(Said::NothingMade, Certainty::Failed, in_doubt, true), Unknown);
    }
}

#[test]
fn a_lost_submit_is_repeated_by_the_callers_policy() {
    for remembers in [false, true] {
        assert!(!may_replay(Ambiguous::Never, remembers));
        assert_eq!(may_replay(Ambiguous::IfIdempotent, remembers), remembers);
        assert!(may_replay(Ambiguous::Always, remembers));
    }
}

#[test]
fn what_may_have_been_accepted_is_told_as_unknown() {
    let refused = || Error::new(Code::RateLimited);
    assert_eq!(told(refused(), false), refused());
    let unknown = told(refused(), true);
    assert_eq!((unknown.code, unknown.billed), (Code::UnknownOutcome, Billed::Unknown));
    assert!(unknown.message.ends_with(Code::RateLimited.message()), "{}", unknown.message);
    for code in [Code::Cancelled, Code::Deadline, Code::UnknownOutcome] {
        let error = told(Error::new(code), true);
        assert_eq!((error.code, error.billed, error.message.as_str()), (code, Billed::Unknown, code.message()));
    }
}

#[test]
fn what_is_over_is_not_findable_nor_is_what_cost_nothing() {
    for code in [Code::Deadline, Code::UnknownOutcome, Code::Network, Code::Protocol, Code::Cancelled] {
        assert!(is_findable(&Error::new(code).billed(Billed::Unknown)), "{code:?}");
        assert!(is_findable(&Error::new(code).billed(Billed::Yes)), "{code:?}");
        assert!(!is_findable(&Error::new(code)), "{code:?}");
    }
    for code in [Code::NotFound, Code::Expired, Code::ContentFiltered, Code::TaskFailed, Code::EmptyResult] {
        assert!(!is_findable(&Error::new(code).billed(Billed::Unknown)), "{code:?}");
    }
}

#[test]
fn attempts_are_told_by_what_came_of_them() {
    use AttemptOutcome as Outcome;
    let told = CERTAINTIES.map(attempt_outcome);
    let (failed, unknown) = (Outcome::Failed, Outcome::Unknown);
    assert_eq!(told, [failed, Outcome::Refused, failed, unknown, failed, Outcome::Accepted, Outcome::Accepted]);
}

fn facts() -> impl Strategy<Value = Facts> {
    any::<[bool; 8]>().prop_map(|[a, b, c, d, e, f, g, h]| Facts {
        in_doubt: a,
        may_replay: b,
        is_wanted: c,
        forbidden: d,
        has_retries: e,
        waits_too_long: f,
        may_refresh: g,
        may_follow: h,
    })
}

proptest! {
    /// The laws on money, over every cell of the table.
    #[test]
    fn laws(
        who in prop::sample::select(&WHO[..]),
        said in prop::sample::select(&SAID[..]),
        after in 0u64..10_000,
        floor in 2_000u64..8_000,
        facts in facts(),
        free in any::<bool>(),
    ) {
        let certainty = certainty(&Evidence { who, said, after, floor });
        let then = decide(said, certainty, &facts);
        let harmless = matches!(certainty, Certainty::NeverLeft | Certainty::Refused | Certainty::Rejected);
        let promised = billed(said, certainty, facts.in_doubt, free);
        // "no" is a promise.
        prop_assert!(promised != Billed::No || harmless && !facts.in_doubt || certainty == Certainty::Failed && free);
        // Law 7: what may have been accepted is sent again under its key only, or because the provider or the caller says so.
        let again = matches!(then, Then::Retry | Then::Wait | Then::Refresh);
        prop_assert!(!again || harmless);
        prop_assert!(then != Then::Retry || !facts.in_doubt);
        prop_assert!(then != Then::Replay || facts.may_replay);
        // A provider's own word that it failed, once work can have begun, is no promise, whatever the status line said.
        if said == Said::Fault && after >= floor {
            prop_assert!(certainty == Certainty::Unknown);
        }
        // What was paid for is handed over.
        prop_assert_eq!(certainty == Certainty::Paid, then == Then::Deliver);
        // Nobody pays for what nobody waits for.
        prop_assert!(facts.is_wanted || !matches!(then, Then::Retry | Then::Replay | Then::ReplayFree | Then::Wait));
        prop_assert!(!facts.forbidden || !matches!(then, Then::Retry | Then::Replay | Then::Wait));
        // What may be running keeps its slot and its record.
        if certainty == Certainty::Unknown || facts.in_doubt && harmless {
            prop_assert!(then != Then::Fail, "{:?} {:?}", certainty, then);
        }
    }
}

/// Each reading as the evidence that it is, with the error, the hint and the server's word that it carries.
#[test]
fn readings_are_evidence() {
    use crate::error::{Axis, Filter, Severity};
    use crate::provider::{Image, Refusal, Running};

    let failed = |code| Error::new(code);
    let filtered = |stage| {
        let mut error = Error::new(Code::ContentFiltered);
        error.filter = Some(Filter { stage, severity: Severity::Unknown, categories: Vec::new() });
        Reading::Fatal(error)
    };
    let ended = |code| Reading::TaskFailed { id: None, error: failed(code) };
    let error = failed(Code::ServerError);
    let refusal = Refusal { axis: Axis::Minute, hint: Some(7), error: failed(Code::RateLimited), forbidden: true };
    let images = alloc::vec![Image::default()];
    let running = Running { queued: true, progress: None };
    let (provider, between) = (Who::Provider, Who::Intermediary);
    for (reading, evidence, code, hint, forbidden) in [
        (Reading::Succeeded { id: None, images, usage: Vec::new() }, (provider, Said::Image), None, None, false),
        (
            Reading::Running { id: None, running, poll_url: None, result_url: None },
            (provider, Said::Task),
            None,
            None,
            false,
        ),
        (Reading::Spoilt { error: error.clone() }, (provider, Said::Image), Some(Code::ServerError), None, false),
        (Reading::Refused(refusal), (provider, Said::Limit), Some(Code::RateLimited), Some(7), true),
        (Reading::Fatal(failed(Code::Permission)), (provider, Said::Verdict), Some(Code::Permission), None, false),
        (filtered(FilterStage::Prompt), (provider, Said::Verdict), Some(Code::ContentFiltered), None, false),
        (filtered(FilterStage::Output), (provider, Said::FilteredLate), Some(Code::ContentFiltered), None, false),
        (filtered(FilterStage::Unknown), (provider, Said::FilteredLate), Some(Code::ContentFiltered), None, false),
        (
            Reading::Rejected { error: error.clone(), hint: Some(5), forbidden: true },
            (provider, Said::Fault),
            Some(Code::ServerError),
            Some(5),
            true,
        ),
        (Reading::Processing { hint: Some(3) }, (provider, Said::Processing), None, Some(3), false),
        (ended(Code::TaskFailed), (provider, Said::TaskFailed), Some(Code::TaskFailed), None, false),
        (ended(Code::Cancelled), (provider, Said::NothingMade), Some(Code::Cancelled), None, false),
        (
            Reading::Empty { id: None, error: failed(Code::EmptyResult) },
            (provider, Said::NothingMade),
            Some(Code::EmptyResult),
            None,
            false,
        ),
        (
            Reading::NotReached { error: failed(Code::Network), hint: Some(9) },
            (between, Said::NotReached),
            Some(Code::Network),
            Some(9),
            false,
        ),
        (Reading::Blocked(failed(Code::Network)), (between, Said::Blocked), Some(Code::Network), None, false),
        (
            Reading::Failed { error, hint: Some(4), forbidden: true },
            (between, Said::Unclear),
            Some(Code::ServerError),
            Some(4),
            true,
        ),
    ] {
        assert_eq!(reading.evidence(), evidence, "{reading:?}");
        assert_eq!(reading.error().map(|error| error.code), code, "{reading:?}");
        assert_eq!((reading.hint(), reading.is_forbidden()), (hint, forbidden), "{reading:?}");
    }
}

#[test]
fn a_task_that_nothing_leads_to_is_told_with_its_id() {
    let error = unfollowable("img_7");
    assert_eq!((error.code, error.billed), (Code::UnknownOutcome, Billed::Unknown));
    assert_eq!(error.task_id.as_deref(), Some("img_7"));
    assert!(error.message.contains("img_7"), "{}", error.message);
}
