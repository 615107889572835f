use super::super::super::JoinHandle;
use super::super::super::model::Model;
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::future::pending;

/// Tasks of which any number of references may be made.
struct Tasks {
    model: Model,
    notified: Vec<crate::task::Notified<Model>>,
    handles: Vec<JoinHandle<()>>,
}

impl Tasks {
    fn new(count: usize) -> Self {
        let model = Model::new();
        let (handles, notified) = (0..count).map(|_| model.create(pending::<()>())).unzip();
        Self {
            model,
            notified,
            handles,
        }
    }

    fn reference(&self, number: usize) -> Task<Model> {
        self.notified[number].add_reference()
    }

    /// Whether all references that were made have been released.
    fn are_freed(self) -> bool {
        drop(self.notified);
        drop(self.handles);
        self.model.handles() == 1
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put(usize),
    /// The number picks one of those that are in.
    Take(usize),
    TakeAll,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (1..2 * SEGMENT).prop_map(Step::Put),
        20 => any::<usize>().prop_map(Step::Take),
        1 => Just(Step::TakeAll),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Against a map from places to tasks.
    #[test]
    fn a_task_is_where_it_was_put_until_it_is_taken(steps in steps()) {
        let tasks = Tasks::new(5);
        let mut places = Places::new();
        let mut kept = BTreeMap::new();
        let mut most = 0;
        let mut count = 0;
        for step in steps {
            match step {
                Step::Put(more) => for _ in 0..more {
                    let place = places.next();
                    places.put(tasks.reference(count % 5));
                    prop_assert!(kept.insert(place, count % 5).is_none(), "{} is taken", place);
                    count += 1;
                },
                Step::Take(which) if !kept.is_empty() => {
                    let (&place, &number) = kept.iter().nth(which % kept.len()).unwrap();
                    let (task, other) = (tasks.reference(number), tasks.reference((number + 1) % 5));
                    prop_assert!(places.take(place, &other).is_none());
                    let taken = places.take(place, &task).expect("it is in");
                    prop_assert_eq!(taken.as_raw(), task.as_raw());
                    prop_assert!(places.take(place, &task).is_none(), "it was taken twice");
                    kept.remove(&place);
                },
                Step::Take(_) => {},
                Step::TakeAll => while let Some((place, number)) = kept.pop_last() {
                    prop_assert!(places.take(place, &tasks.reference(number)).is_some());
                },
            }
            most = most.max(kept.len());
            // Places are used again before new ones are.
            prop_assert!(kept.keys().all(|&place| place < most));
            prop_assert!(places.segments.len() <= most.div_ceil(SEGMENT).max(1));
            let unneeded = places.unneeded();
            prop_assert!(unneeded.is_none() || kept.is_empty());
            if unneeded.is_some() {
                most = 0;
            }
            if kept.is_empty() {
                prop_assert!(places.segments.len() <= 1);
            }
        }
        // What is left is dropped along with the places.
        drop(places);
        prop_assert!(tasks.are_freed());
    }

    /// A shutdown finds every task once, whoever else takes some out meanwhile.
    #[test]
    fn the_lowest_are_taken_in_order(
        count in 0..3 * SEGMENT,
        before in prop::collection::vec(any::<usize>(), 0..20),
        between in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        let tasks = Tasks::new(1);
        let mut places = Places::new();
        let mut kept: Vec<bool> = vec![true; count];
        for _ in 0..count {
            places.put(tasks.reference(0));
        }
        let take = |places: &mut Places<Model>, kept: &mut [bool], which: usize| {
            if count > 0 {
                let place = which % count;
                let taken = places.take(place, &tasks.reference(0));
                assert_eq!(taken.is_some(), mem::take(&mut kept[place]));
            }
        };
        before.iter().for_each(|&which| take(&mut places, &mut kept, which));
        let mut between = between.into_iter();
        while places.take_lowest().is_some() {
            let lowest = kept.iter().position(|&kept| kept).expect("there was one");
            kept[lowest] = false;
            if let Some(which) = between.next() {
                take(&mut places, &mut kept, which);
            }
        }
        prop_assert!(!kept.contains(&true));
        drop(places);
        prop_assert!(tasks.are_freed());
    }
}

#[test]
fn a_place_that_does_not_exist_is_empty() {
    let tasks = Tasks::new(1);
    let mut places = Places::new();
    assert!(places.take(0, &tasks.reference(0)).is_none());
    places.put(tasks.reference(0));
    for place in [1, SEGMENT - 1, SEGMENT, usize::MAX] {
        assert!(places.take(place, &tasks.reference(0)).is_none(), "{place}");
    }
    drop(places);
    assert!(tasks.are_freed());
}
