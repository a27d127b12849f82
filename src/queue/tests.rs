use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn part(task: u32) -> PartId {
    PartId { task, index: 0 }
}

fn place(tenant: u128, weight: f64, order: u64) -> Place {
    Place { priority: Priority::Batch, tenant, weight: Weight::of(weight), order }
}

fn add(queue: &mut FairQueue, place: &Place, cost: u16) {
    queue.insert(place, Waiting { part: part(place.order as u32), cost }, false);
}

/// Serves the head, whose place the model knows.
fn serve(queue: &mut FairQueue, places: &BTreeMap<u32, Place>) -> (Place, Waiting) {
    let head = queue.heads(1)[0];
    let place = places[&head.part.task];
    assert_eq!(queue.take(&place), Some(head));
    (place, head)
}

fn order(queue: &FairQueue) -> Vec<u32> {
    queue.heads(usize::MAX).iter().map(|waiting| waiting.part.task).collect()
}

#[test]
fn interactive_first_then_in_order_and_a_place_is_kept() {
    let mut queue = FairQueue::default();
    (0..3).for_each(|order| add(&mut queue, &place(0, 1.0, order), 1));
    let now = Place { priority: Priority::Interactive, ..place(0, 1.0, 9) };
    add(&mut queue, &now, 1);
    assert_eq!(order(&queue), [9, 0, 1, 2]);
    assert_eq!((queue.ahead(&place(0, 1.0, 0)), queue.ahead(&place(0, 1.0, 2)), queue.ahead(&now)), (1, 3, 0));
    let taken = queue.take(&place(0, 1.0, 0)).unwrap();
    assert_eq!((queue.len(), queue.count(Priority::Batch)), (3, 2));
    queue.insert(&place(0, 1.0, 0), taken, true);
    assert_eq!(order(&queue), [9, 0, 1, 2]);
    assert_eq!(queue.first(Priority::Batch), Some(taken));
}

#[test]
fn tenants_take_turns_by_their_weights() {
    let mut queue = FairQueue::default();
    (0..8).for_each(|order| add(&mut queue, &place(1, 1.0, order), 1));
    (8..12).for_each(|order| add(&mut queue, &place(2, 2.0, order), 1));
    // A tenth of the work, and its turns come as soon as anybody's.
    assert_eq!(order(&queue), [0, 8, 9, 1, 10, 11, 2, 3, 4, 5, 6, 7]);
    // The last of the second: two of its own and two of the other's before it.
    assert_eq!(queue.ahead(&place(2, 2.0, 11)), 5);
}

#[test]
fn an_image_is_what_a_turn_costs() {
    let mut queue = FairQueue::default();
    (0..2).for_each(|order| add(&mut queue, &place(1, 1.0, order), 4));
    (2..10).for_each(|order| add(&mut queue, &place(2, 1.0, order), 1));
    assert_eq!(order(&queue), [0, 2, 3, 4, 5, 1, 6, 7, 8, 9]);
}

/// Three tenants with weights 1:1:2, one with ten times the work; whoever runs dry gets more. While all have work, each has its share.
#[test]
fn shares_are_as_weights_say() {
    let weights = [1.0, 1.0, 2.0];
    let mut places = BTreeMap::new();
    let mut queue = FairQueue::default();
    let work = [4_000u32, 400, 400];
    let mut number = 0;
    for (tenant, count) in work.into_iter().enumerate() {
        for _ in 0..count {
            places.insert(number, place(tenant as u128, weights[tenant], u64::from(number)));
            add(&mut queue, &places[&number], 1 + (number % 3) as u16);
            number += 1;
        }
    }
    let mut served = [0u32; 3];
    for turn in 1..=600 {
        let (place, waiting) = serve(&mut queue, &places);
        served[place.tenant as usize] += u32::from(waiting.cost);
        if turn >= 200 {
            let all: u32 = served.iter().sum();
            for (tenant, weight) in weights.iter().enumerate() {
                let share = f64::from(served[tenant]) / f64::from(all) / (weight / 4.0);
                assert!((0.95..=1.05).contains(&share), "{tenant} after {turn}: {share}");
            }
        }
    }
}

/// Somebody comes again and again under new names, each time before the others have had their turn.
#[test]
fn nobody_starves_whatever_the_weights_and_however_many_come() {
    for weight in [1e-9, 0.001, 0.1, 1.0] {
        let (mut queue, mut places) = (FairQueue::default(), BTreeMap::new());
        for number in 0..3u32 {
            places.insert(number, place(u128::from(u32::MAX), weight, u64::from(number)));
            add(&mut queue, &places[&number], 1);
        }
        let mut turns = 0;
        for number in 3.. {
            let rival = place(u128::from(number), 1.0, u64::from(number));
            places.insert(number, rival);
            add(&mut queue, &rival, 1);
            serve(&mut queue, &places);
            turns += 1;
            if queue.heads(usize::MAX).iter().all(|waiting| waiting.part.task >= 3) {
                break;
            }
            // A thousandth beside one, two and three rivals that wait.
            assert!(turns < 7_000, "weight {weight} has waited for {turns} turns");
            // Memory is for those who wait, and as many again who had their turn just now.
            assert!(queue.batch.tenants.len() <= 2 * queue.len() + 2, "{}", queue.batch.tenants.len());
        }
    }
}

/// A lane that refuses and refuses: what was tried in vain charges nobody, and whoever comes later has its share at once.
#[test]
fn refusals_leave_no_debts() {
    let (mut queue, mut places) = (FairQueue::default(), BTreeMap::new());
    for number in 0..100u32 {
        places.insert(number, place(u128::from(number % 2), 1.0, u64::from(number)));
        add(&mut queue, &places[&number], 1);
    }
    let before = order(&queue);
    for _ in 0..1_000 {
        let (place, waiting) = serve(&mut queue, &places);
        queue.insert(&place, waiting, true);
    }
    assert_eq!(order(&queue), before);
    (100..110).for_each(|number| add(&mut queue, &place(7, 1.0, number), 1));
    let late = order(&queue).iter().take(9).filter(|number| **number >= 100).count();
    assert!((2..=4).contains(&late), "{late} of the first nine");
}

/// What happens to a queue: a part comes, the head has its turn, a part that was out comes back, somebody thinks better of it.
#[derive(Clone, Debug)]
enum Step {
    Come { tenant: u128, weight: f64, cost: u16, interactive: bool },
    Serve,
    Return(usize),
    Cancel(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let weight = prop::sample::select(vec![1.0, 2.0, 0.25, 1e-9, 1e9]);
    prop_oneof![
        4 => (0u128..5, weight, 1u16..5, any::<bool>())
            .prop_map(|(tenant, weight, cost, interactive)| Step::Come { tenant, weight, cost, interactive }),
        3 => Just(Step::Serve),
        1 => any::<usize>().prop_map(Step::Return),
        1 => any::<usize>().prop_map(Step::Cancel),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_it_counts_right_and_keeps_places(steps in prop::collection::vec(step(), 0..300)) {
        let (mut queue, mut twin) = (FairQueue::default(), FairQueue::default());
        let mut waiting: BTreeMap<u32, (Place, Waiting)> = BTreeMap::new();
        let mut out: Vec<(Place, Waiting)> = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Come { tenant, weight, cost, interactive } => {
                    let priority = if interactive { Priority::Interactive } else { Priority::Batch };
                    let place = Place { priority, ..place(tenant, weight, number as u64) };
                    let one = Waiting { part: part(number as u32), cost };
                    queue.insert(&place, one, false);
                    twin.insert(&place, one, false);
                    waiting.insert(number as u32, (place, one));
                }
                Step::Serve => {
                    let Some(head) = queue.heads(1).first().copied() else { continue };
                    let (place, one) = waiting.remove(&head.part.task).unwrap();
                    prop_assert_eq!(queue.first(place.priority), Some(head));
                    prop_assert!(place.priority == Priority::Interactive || queue.count(Priority::Interactive) == 0);
                    let first = waiting.values().filter(|(other, _)| (other.priority, other.tenant) == (place.priority, place.tenant));
                    prop_assert!(first.map(|(other, _)| other.order).all(|order| order > place.order), "not first come, first served");
                    prop_assert_eq!(queue.take(&place), Some(one));
                    prop_assert_eq!(twin.take(&place), Some(one));
                    out.push((place, one));
                }
                Step::Return(which) if !out.is_empty() => {
                    let (place, one) = out.swap_remove(which % out.len());
                    queue.insert(&place, one, true);
                    twin.insert(&place, one, true);
                    waiting.insert(one.part.task, (place, one));
                }
                Step::Cancel(which) if !waiting.is_empty() => {
                    let number = *waiting.keys().nth(which % waiting.len()).unwrap();
                    let (place, one) = waiting.remove(&number).unwrap();
                    prop_assert_eq!(queue.remove(&place), Some(one));
                    prop_assert_eq!(queue.remove(&place), None);
                    twin.remove(&place);
                }
                _ => {}
            }
            prop_assert_eq!(queue.len(), waiting.len());
            let mut all = queue.all();
            all.sort_unstable();
            prop_assert_eq!(all, waiting.keys().map(|number| part(*number)).collect::<Vec<_>>());
            let batch = waiting.values().filter(|(place, _)| place.priority == Priority::Batch).count();
            prop_assert_eq!(queue.count(Priority::Batch), batch);
            for band in [&queue.interactive, &queue.batch] {
                let mut names: Vec<u128> = band.turns.values().copied().collect();
                names.sort_unstable();
                names.dedup();
                let of = |name: &u128| band.tenants.get(name).unwrap();
                prop_assert_eq!(names.iter().map(|name| of(name).weight.units()).sum::<u64>(), band.weights);
                prop_assert_eq!(names.iter().map(|name| of(name).waiting).sum::<usize>(), band.waiting.len());
                prop_assert_eq!(band.turns.len() + band.idle.len(), band.tenants.len());
            }
        }
        // Those that were to be next are next, and the same events give the same order.
        let heads = queue.heads(usize::MAX);
        prop_assert_eq!(&heads, &twin.heads(usize::MAX));
        prop_assert_eq!(heads.len(), waiting.len());
        for head in heads {
            let (place, one) = waiting[&head.part.task];
            prop_assert_eq!(queue.heads(1), [head]);
            prop_assert_eq!(queue.take(&place), Some(one));
        }
        prop_assert_eq!(queue.len(), 0);
        prop_assert!(queue.interactive.tenants.is_empty() && queue.batch.tenants.is_empty());
    }
}
