//! The word decoded, and the protocol against a naive model, on one thread: what
//! threads do to it between two steps is for the models.

use super::*;
use proptest::prelude::*;

#[test]
fn the_counts_round_trip() {
    for searching in [0, 1, 7, FIELD_MASK - 1, FIELD_MASK] {
        for awake in [0, 1, 7, FIELD_MASK - 1, FIELD_MASK] {
            let word = awake << AWAKE_SHIFT | searching;
            assert_eq!(Counts::of(word), Counts { searching, awake });
        }
    }
}

#[test]
fn debug_decodes() {
    let idle = Idle::new(3, 3);
    assert!(idle.transition_to_searching());
    let shown = format!("{idle:?}");
    assert!(
        shown.contains("searching: 1") && shown.contains("awake: 3"),
        "{shown}"
    );
}

/// As many workers as fit the word, all of them searching as far as they may.
#[test]
fn the_fields_do_not_touch() {
    let idle = Idle::new(MAX_WORKERS, MAX_WORKERS);
    let mut searching = 0;
    while idle.transition_to_searching() {
        searching += 1;
    }
    assert_eq!(searching, MAX_WORKERS.div_ceil(2));
    let counts = Counts::of(idle.state.load(Relaxed));
    assert_eq!((counts.searching, counts.awake), (searching, MAX_WORKERS));
    for left in (0..searching).rev() {
        assert_eq!(idle.transition_from_searching(), left == 0);
    }
    for worker in 0..100 {
        assert_eq!(idle.transition_to_parked(worker, false), Parked::Quietly);
        let counts = Counts::of(idle.state.load(Relaxed));
        assert_eq!(
            (counts.searching, counts.awake),
            (0, MAX_WORKERS - worker - 1)
        );
    }
}

/// What the protocol should do, said in the simplest way.
#[derive(Debug)]
struct Model {
    /// What each worker does; a sleeper with the time at which it parked.
    workers: Vec<Doing>,
    watcher: Option<usize>,
    watcher_in_driver: bool,
    /// The watcher rests, and until when.
    rest: Option<Next>,
    /// Sleepers that have asked whether to watch.
    settled: Vec<usize>,
    time: usize,
}

/// When a watcher at rest looks of its own accord.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Never,
    Late,
    Soon,
}

impl Next {
    fn look_at(self) -> Option<Instant> {
        match self {
            Next::Never => None,
            Next::Late => Some(now() + Duration::from_secs(3_600)),
            Next::Soon => Some(now()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Working,
    Searching,
    Sleeping(usize),
}

impl Model {
    fn count(&self, wanted: impl Fn(Doing) -> bool) -> usize {
        self.workers.iter().filter(|doing| wanted(**doing)).count()
    }

    fn sleeps(&self, worker: usize) -> bool {
        matches!(self.workers[worker], Doing::Sleeping(_))
    }

    fn awake(&self) -> usize {
        self.workers.len() - self.count(|doing| matches!(doing, Doing::Sleeping(_)))
    }

    fn searching(&self) -> usize {
        self.count(|doing| doing == Doing::Searching)
    }

    /// The sleeper that parked last, among those that `wanted` names.
    fn warmest(&self, wanted: impl Fn(usize) -> bool) -> Option<usize> {
        let parked = |worker: &usize| match self.workers[*worker] {
            Doing::Sleeping(since) => Some(since),
            _ => None,
        };
        (0..self.workers.len())
            .filter(|worker| parked(worker).is_some() && wanted(*worker))
            .max_by_key(parked)
    }

    /// The watcher, if somebody's waking has to end its rest.
    fn rouse(&mut self) -> Option<usize> {
        match self.rest.take()? {
            Next::Never | Next::Late => self.watcher,
            Next::Soon => None,
        }
    }

    fn wake(&mut self) -> Wake {
        let others = self.warmest(|worker| Some(worker) != self.watcher);
        let Some(worker) = others.or_else(|| self.warmest(|_| true)) else {
            return Wake::default();
        };
        if self.watcher == Some(worker) {
            self.watcher = None;
            self.rest = None;
        }
        self.workers[worker] = Doing::Searching;
        Wake {
            worker: Some(worker),
            watcher: self.rouse(),
        }
    }

    fn leave(&mut self, worker: usize, searching: bool) -> Wake {
        self.workers[worker] = if searching {
            Doing::Searching
        } else {
            Doing::Working
        };
        let watcher = if self.watcher == Some(worker) {
            self.watcher = self.warmest(|_| true);
            self.watcher_in_driver = true;
            self.rest = None;
            self.watcher
        } else {
            self.rouse()
        };
        Wake {
            worker: None,
            watcher,
        }
    }

    fn park(&mut self, worker: usize) -> Parked {
        let last_searcher = self.workers[worker] == Doing::Searching && self.searching() == 1;
        let last_awake = self.awake() == 1;
        self.time += 1;
        self.workers[worker] = Doing::Sleeping(self.time);
        if last_awake {
            Parked::LastAwake
        } else if last_searcher {
            Parked::LastSearcher
        } else {
            Parked::Quietly
        }
    }

    fn watch(&mut self, worker: usize, on_condvar: bool) -> bool {
        if !self.sleeps(worker) {
            return false;
        }
        let another = self.watcher.is_some_and(|watcher| watcher != worker);
        if another && !(on_condvar && self.watcher_in_driver) {
            return false;
        }
        self.watcher = Some(worker);
        self.watcher_in_driver = !on_condvar;
        self.rest = None;
        true
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    WakeForPush,
    WakeForBacklog,
    Search(usize),
    StopSearching(usize),
    Park(usize),
    Watch(usize, bool),
    Rest(usize, Next),
    Leave(usize, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let worker = 0..8_usize;
    let next = prop_oneof![Just(Next::Never), Just(Next::Late), Just(Next::Soon)];
    prop_oneof![
        1 => Just(Step::WakeForPush),
        1 => Just(Step::WakeForBacklog),
        1 => worker.clone().prop_map(Step::Search),
        1 => worker.clone().prop_map(Step::StopSearching),
        4 => worker.clone().prop_map(Step::Park),
        1 => (worker.clone(), any::<bool>()).prop_map(|(worker, on)| Step::Watch(worker, on)),
        1 => (worker.clone(), next).prop_map(|(worker, next)| Step::Rest(worker, next)),
        1 => (worker, any::<bool>()).prop_map(|(worker, search)| Step::Leave(worker, search)),
    ]
}

/// Takes the step on both, unless the worker is not where it could take it.
fn take(step: Step, idle: &Idle, model: &mut Model) {
    let workers = model.workers.len();
    match step {
        Step::WakeForPush => {
            let expected = match model.awake() {
                0 => model.wake(),
                _ => Wake::default(),
            };
            assert_eq!(idle.wake_for_push(), expected);
        }
        Step::WakeForBacklog => {
            let expected = match model.searching() {
                0 => model.wake(),
                _ => Wake::default(),
            };
            assert_eq!(idle.wake_for_backlog(), expected);
        }
        Step::Search(worker) => {
            let worker = worker % workers;
            if model.workers[worker] == Doing::Working {
                let may = 2 * model.searching() < workers;
                assert_eq!(idle.transition_to_searching(), may);
                if may {
                    model.workers[worker] = Doing::Searching;
                }
            }
        }
        Step::StopSearching(worker) => {
            let worker = worker % workers;
            if model.workers[worker] == Doing::Searching {
                let last = model.searching() == 1;
                assert_eq!(idle.transition_from_searching(), last);
                model.workers[worker] = Doing::Working;
            }
        }
        Step::Park(worker) => {
            let worker = worker % workers;
            if !model.sleeps(worker) {
                let searching = model.workers[worker] == Doing::Searching;
                let parked = idle.transition_to_parked(worker, searching);
                assert_eq!(parked, model.park(worker));
            }
        }
        Step::Watch(worker, on_condvar) => {
            let worker = worker % workers;
            let watches = idle.try_watch(worker, on_condvar);
            model.settled.push(worker);
            assert_eq!(watches, model.watch(worker, on_condvar));
        }
        Step::Rest(worker, next) => {
            let worker = worker % workers;
            let rests = model.watcher == Some(worker) && model.awake() == 0;
            if rests {
                model.rest = Some(next);
            }
            assert_eq!(idle.try_rest(worker, next.look_at()), rests);
        }
        Step::Leave(worker, search) => {
            let worker = worker % workers;
            let expected = match model.sleeps(worker) {
                true => Ok(model.leave(worker, search)),
                false => Err(AlreadyWoken),
            };
            assert_eq!(idle.transition_from_parked(worker, search), expected);
        }
    }
}

#[test]
fn processors_are_shared_while_more_workers_are_awake() {
    let idle = Idle::new(4, 2);
    for worker in 0..2 {
        assert!(idle.is_oversubscribed(), "{idle:?}");
        let _ = idle.transition_to_parked(worker, false);
    }
    assert!(!idle.is_oversubscribed(), "{idle:?}");
    let _ = idle.transition_from_parked(0, false);
    assert!(idle.is_oversubscribed(), "{idle:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn behaves_as_the_model(
        workers in 1..6_usize,
        steps in prop::collection::vec(step(), 1..100),
    ) {
        let idle = Idle::new(workers, workers);
        let mut model = Model {
            workers: vec![Doing::Working; workers],
            watcher: None,
            watcher_in_driver: false,
            rest: None,
            settled: Vec::new(),
            time: 0,
        };
        for step in steps {
            take(step, &idle, &mut model);
            let (awake, searching) = (model.awake(), model.searching());
            let counts = Counts::of(idle.state.load(Relaxed));
            prop_assert_eq!(counts, Counts { searching, awake });
            prop_assert_eq!(idle.has_awake(), awake > 0);
            prop_assert_eq!(idle.has_sleepers(), awake < workers);
            for worker in 0..workers {
                prop_assert_eq!(idle.was_woken(worker), !model.sleeps(worker));
            }
            // A watcher at rest is a sleeper, and nobody is awake (W6).
            prop_assert!(model.rest.is_none() || awake == 0);
            prop_assert!(model.watcher.is_none_or(|watcher| model.sleeps(watcher)));
            // Nobody sleeps on for good while nobody watches (I4).
            let mut settled = std::mem::take(&mut model.settled);
            settled.retain(|&worker| model.sleeps(worker));
            prop_assert!(model.watcher.is_some() || settled.is_empty());
            model.settled = settled;
        }
    }
}
